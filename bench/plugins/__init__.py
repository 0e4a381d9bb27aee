"""Code that others wrote: loading it, what it imports, and whether it has changed."""
