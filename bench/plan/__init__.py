"""What was asked, its cells, and which examples each may see."""
