"""The leaderboard for the terminal: the main figures only, one table per section."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table as Grid
from rich.text import Text

from bench.report.numbers.summary import Summary, Table
from bench.report.text.columns import Column, columns
from bench.report.text.published import HEADER, NUMBERS, published_rows
from bench.report.text.reading import further_columns, levels
from bench.text import plain

WIDTH = 200  # characters that a table may take
# Short titles, the first to go where a table is wider: leaderboard.md has them.
_LEAST_NEEDED = ("bootstrap", "stored KiB", "share", "peak MiB", "trained")


def terminal_table(summary: Summary) -> RenderableType:
    """What to print after a run. Labels are `Text`, never markup: "coop[n_ctx=4]" must not be read as a style."""
    if not summary.tables:
        return Text("no records yet")
    parts: list[RenderableType] = []
    for table in summary.tables:
        parts += [_main(table), Text("  * Pareto-optimal: none is as cheap and as good, and better in one", style="dim")]
        if table.published:
            parts += [_published(table), Text("")]
        parts += [
            *(Text(f"  {note}", style="dim") for note in map(plain, [*levels(table), *further_columns(table), *table.notes])),
            Text(""),
        ]
    failed = int(summary.failures["cells"].sum()) if len(summary.failures) else 0
    if failed:
        parts.append(Text(f"{failed} cells failed; leaderboard.md says why", style="bold"))
    return Group(*parts)


def _main(table: Table) -> Grid:
    """With as many columns as have room."""
    shown = [column for column in columns(table) if column.short]
    measure = Console(width=10 * WIDTH).measure
    for title in _LEAST_NEEDED:
        if measure(_grid(table, shown)).maximum <= WIDTH:
            break
        shown = [column for column in shown if column.short != title]
    return _grid(table, shown)


def _grid(table: Table, shown: Sequence[Column]) -> Grid:
    grid = Grid(title=Text(table.section.title), title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    grid.add_column("method", no_wrap=True)
    found = {column.title: [column.marked(row, "*", brief=True) for row in table.rows] for column in shown}
    for column in shown:
        grid.add_column(_header(column, found[column.title]), justify="right")
    for row, *entries in zip(table.rows, *found.values(), strict=True):
        grid.add_row(Text(plain(row.label)), *map(Text, entries))
    return grid


def _header(column: Column, entries: Sequence[str]) -> Text:
    """In two lines where one would make the column wider than what stands in it."""
    name = plain(column.short)
    return Text(name.replace(" ", "\n", 1) if len(name) > max(map(len, entries), default=0) else name)


def _published(table: Table) -> Grid:
    grid = Grid(title=Text("Published figures beside ours"), title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in HEADER:
        grid.add_column(name, justify="right" if name in NUMBERS else "left")
    for row in published_rows(table.published):
        grid.add_row(*map(Text, row))
    return grid
