"""The leaderboard for the terminal: the main figures only, one table per section."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table as Grid
from rich.text import Text

from bench.report import display, sizes
from bench.report.escape import plain
from bench.report.summary import Summary, Table


def terminal_table(summary: Summary) -> RenderableType:
    """What to print after a run. Labels are `Text`, never markup: "coop[n_ctx=4]" must not be read as a style."""
    if not summary.tables:
        return Text("no records yet")
    parts: list[RenderableType] = []
    for table in summary.tables:
        parts += [_grid(table), Text("  * Pareto-optimal: none is as cheap and as good, and better in one", style="dim")]
        parts += [*(Text(f"  {note}", style="dim") for note in map(plain, table.notes)), Text("")]
    failed = int(summary.failures["cells"].sum()) if len(summary.failures) else 0
    if failed:
        parts.append(Text(f"{failed} cells failed; leaderboard.md says why", style="bold"))
    return Group(*parts)


def _grid(table: Table) -> Grid:
    grid = Grid(title=Text(table.section.title), title_justify="left", pad_edge=False)
    grid.add_column("method", no_wrap=True)
    for shots in table.shots:
        grid.add_column(sizes.title(shots), justify="right", no_wrap=True)
    for name in ("rank", "gain", "trained", "stored KiB", "seconds", "joules", "joules estimated", "peak MiB"):
        grid.add_column(name, justify="right")
    grid.add_column("gaps")
    for row in table.rows:
        costs = row.costs
        cells = [
            plain(row.label),
            *(display.score(row.scores[shots]) for shots in table.shots),
            "" if row.rank is None else f"{row.rank:.2f}",
            display.points(row.gain),
            display.whole_range(costs.trainable_range) + ("*" if "parameters" in row.pareto else ""),
            display.kibibytes_range(costs.stored_range),
            display.significant(costs.seconds) + ("*" if "seconds" in row.pareto else ""),
            display.significant(costs.joules_measured),
            display.estimated(costs.joules_estimated),
            display.mebibytes(costs.memory_bytes),
            display.gaps(row),
        ]
        grid.add_row(*(Text(cell) for cell in cells))
    return grid
