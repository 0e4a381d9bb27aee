"""Rates and lengths of the bundled budget, chosen on development tasks, and whether methods have arrived under it.

`python -m studies.budgets`; docs/budgets.md tells how.
"""
