"""What README tells of methods and records: how many there are, and the ten best rows of the reference run and zero-shot."""

from __future__ import annotations

from bench.errors import UsageError
from bench.plan.registry import Registry, how_many
from bench.report import Summary
from bench.report.text.leaderboard import short_table

BEGIN, END = "<!-- made by `python -m bench docs` -->", "<!-- end -->"
HOW_MANY = "<!-- how many, by `python -m bench docs` -->"
ROWS = 10
COLUMNS = ("gain", "trained parameters", "seconds", "peak MiB")  # beside the shots


def with_leaderboard(readme: str, summary: Summary) -> str:
    """README's text with the rows between its two marks made anew. Raises UsageError if it lacks the marks."""
    lines = short_table(summary.tables[0], ROWS, COLUMNS)
    return _between(readme, BEGIN, "\n".join(["", "", *lines, "", ""]))


def with_count(readme: str, registry: Registry) -> str:
    """README's text with the number of methods made anew. Raises UsageError if it lacks the marks."""
    return _between(readme, HOW_MANY, how_many(registry))


def _between(readme: str, mark: str, text: str) -> str:
    before, begin, rest = readme.partition(mark)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise UsageError(f"README has no {mark} and {END} to write between: put them in")
    return before + begin + text + end + after
