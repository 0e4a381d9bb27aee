"""Score against shots, one panel per task."""

from __future__ import annotations

from collections.abc import Iterator

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.report.canvas import LEGEND_WIDTH, METHODS, empty, legend, legend_height, new_figure, shown, title
from bench.report.palette import look
from bench.report.summary import HEADLINE_NAMES, Row, Table

PANELS = 24  # per figure; further tasks go to further figures
COLUMNS = 4


def shots_figures(table: Table) -> Iterator[Figure]:
    """One figure for up to `PANELS` tasks each."""
    for start in range(0, len(table.tasks), PANELS):
        yield _figure(table, table.tasks[start : start + PANELS])


def _figure(table: Table, tasks: tuple[str, ...]) -> Figure:
    columns = min(COLUMNS, len(tasks))
    lines = -(-len(tasks) // columns)
    found = [row for row in table.rows if any(_points(table, row, task) for task in tasks)]
    best = [row for row in found if not row.baseline][:METHODS]
    drawn = [row for row in found if row.baseline or row in best]
    figure = new_figure(max(2.6 * columns, 4.4) + LEGEND_WIDTH, max(2.3 * lines + 0.5, 3.4, legend_height(len(drawn))))
    title(figure, table.section.title, beside_legend=True)
    if not drawn:
        empty(figure, "no cell gave a score")
        return figure
    # Adapted methods side by side: with a dozen of them on one spot no interval could be read.
    beside = [row.label for row in drawn if not row.baseline]
    panels = figure.subplots(lines, columns, squeeze=False)
    for axes, task in zip(panels.flat, tasks, strict=False):
        _panel(axes, table, task, drawn, beside)
    for axes in panels.flat[len(tasks) :]:
        axes.remove()
    figure.supxlabel("shots (labelled examples per class)" if table.section.kind != "retrieval" else "shots", fontsize=9)
    figure.supylabel(HEADLINE_NAMES[table.section.kind], fontsize=9)
    legend(figure, [row.label for row in drawn], lines=True)
    return figure


def _points(table: Table, row: Row, task: str) -> list[tuple[int, float, float]]:
    """Position of the shot count, score and half width, the last two in percent (0 where there is no interval)."""
    found = row.tasks.get(task, {})
    points = []
    for position, shots in enumerate(table.shots):
        estimate = found[shots].estimate if shots in found else None
        if estimate is not None:
            points.append((position, 100 * estimate.mean, 100 * (estimate.half_width or 0.0)))
    return points


def _panel(axes: Axes, table: Table, task: str, rows: list[Row], beside: list[str]) -> None:
    axes.set_title(shown(task))
    axes.set_xticks(range(len(table.shots)), [str(shots) for shots in table.shots])
    axes.set_xlim(-0.5, len(table.shots) - 0.5)
    axes.grid(axis="x", visible=False)
    lowest, highest = 100.0, 0.0
    for row in rows:
        points = _points(table, row, task)
        if not points:
            continue
        style = look(row.label)
        positions, scores, widths = zip(*points, strict=True)
        lowest, highest = min(lowest, *scores), max(highest, *scores)
        if row.baseline:
            axes.axhline(scores[0], color=style.colour, linestyle=(0, (5, 3)), linewidth=1.2)
            continue
        step = 0.6 * (beside.index(row.label) / max(1, len(beside) - 1) - 0.5) if len(beside) > 1 else 0.0
        axes.errorbar(
            [position + step for position in positions],
            scores,
            yerr=widths,
            color=style.colour,
            marker=style.marker,
            linestyle=style.line,
            markersize=4,
            linewidth=0.9,
            elinewidth=0.8,
        )
    if lowest <= highest:
        # Three seeds can have an interval far wider than all differences; the scores decide the scale, bars may leave it.
        room = max(4.0, 0.25 * (highest - lowest))
        axes.set_ylim(max(-2.0, lowest - room), min(102.0, highest + room))
