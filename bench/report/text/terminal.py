"""The leaderboard for the terminal: the main figures only, one table per section."""

from __future__ import annotations

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table as Grid
from rich.text import Text

from bench.report.numbers.summary import Summary, Table
from bench.report.text.columns import columns
from bench.report.text.published import HEADER, NUMBERS, published_rows
from bench.text import plain


def terminal_table(summary: Summary) -> RenderableType:
    """What to print after a run. Labels are `Text`, never markup: "coop[n_ctx=4]" must not be read as a style."""
    if not summary.tables:
        return Text("no records yet")
    parts: list[RenderableType] = []
    for table in summary.tables:
        parts += [_grid(table), Text("  * Pareto-optimal: none is as cheap and as good, and better in one", style="dim")]
        if table.published:
            parts += [_published(table), Text("")]
        parts += [*(Text(f"  {note}", style="dim") for note in map(plain, table.notes)), Text("")]
    failed = int(summary.failures["cells"].sum()) if len(summary.failures) else 0
    if failed:
        parts.append(Text(f"{failed} cells failed; leaderboard.md says why", style="bold"))
    return Group(*parts)


def _grid(table: Table) -> Grid:
    shown = [column for column in columns(table) if column.short]
    grid = Grid(title=Text(table.section.title), title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    grid.add_column("method", no_wrap=True)
    for column in shown:
        grid.add_column(column.short, justify="right")
    for row in table.rows:
        grid.add_row(Text(plain(row.label)), *(Text(column.marked(row, "*", brief=True)) for column in shown))
    return grid


def _published(table: Table) -> Grid:
    grid = Grid(title=Text("Published figures beside ours"), title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in HEADER:
        grid.add_column(name, justify="right" if name in NUMBERS else "left")
    for row in published_rows(table.published):
        grid.add_row(*map(Text, row))
    return grid
