"""What README shows, made from registry and records: how many methods, the ten best rows, what fits which budget."""

from __future__ import annotations

from pathlib import Path

from bench.errors import UsageError
from bench.plan.registry import Registry, how_many
from bench.report import Summary
from bench.report.plots.canvas import save, settings
from bench.report.plots.scatter import MEMORY, SECONDS, cost_sheet, points
from bench.report.text.leaderboard import short_table

BUDGETS = (SECONDS, MEMORY)  # a panel of the picture each

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


def draw_budgets(summary: Summary, path: Path) -> None:
    """Write score against each of `BUDGETS`, of the first table, as SVG. Raises UsageError if it has no figures."""
    table = summary.tables[0]
    if not all(points(table, cost) for cost in BUDGETS):
        raise UsageError("no method of the first table has a score and its costs for every cell: take --results of a whole run")
    with settings():
        save(cost_sheet(table, BUDGETS).draw(), path.with_suffix(""))
