"""What README shows of the reference run, made from records: the ten best rows and zero-shot, and what fits which budget."""

from __future__ import annotations

from pathlib import Path

from bench.errors import UsageError
from bench.report import Summary
from bench.report.plots.canvas import save, settings
from bench.report.plots.scatter import MEMORY, SECONDS, cost_sheet, points
from bench.report.text.leaderboard import short_table

BUDGETS = (SECONDS, MEMORY)  # a panel of the picture each

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


def draw_budgets(summary: Summary, path: Path) -> None:
    """Write score against each of `BUDGETS`, of the first table, as SVG. Raises UsageError if it has no figures."""
    table = summary.tables[0]
    if not all(points(table, cost) for cost in BUDGETS):
        raise UsageError("no method of the first table has a score and its costs for every cell: take --results of a whole run")
    with settings():
        save(cost_sheet(table, BUDGETS).draw(), path.with_suffix(""))
