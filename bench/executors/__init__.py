"""Executors carry cells to workers and yield records; they know nothing of what a cell is about."""
