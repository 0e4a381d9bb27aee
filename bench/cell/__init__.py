"""One cell, from load to result."""
