"""The types that methods exchange with the harness; `methods/base.py` hands them all on."""
