"""Records, and what lies beside them."""
