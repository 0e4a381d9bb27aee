"""Tasks: data with a kind, classes, templates, a version and a licence. `base.py` is the contract."""
