"""The leaderboard in README: the ten best rows of the reference run and zero-shot, made from records."""

from __future__ import annotations

from bench.errors import UsageError
from bench.report import Summary
from bench.report.text.leaderboard import short_table

BEGIN, END = "<!-- made by `python -m bench docs` -->", "<!-- end -->"
ROWS = 10
COLUMNS = ("gain", "trained parameters", "seconds", "peak MiB")  # beside the shots


def with_leaderboard(readme: str, summary: Summary) -> str:
    """README's text with the rows between its two marks made anew. Raises UsageError if it lacks the marks."""
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise UsageError(f"README has no {BEGIN} and {END} to write the leaderboard between: put them in")
    lines = short_table(summary.tables[0], ROWS, COLUMNS)
    return "\n".join([before + begin, "", *lines, "", end + after])
