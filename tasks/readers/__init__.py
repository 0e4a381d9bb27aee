"""Readers of the files in which the field keeps its data sets; each gives splits, or an error that names the file."""
