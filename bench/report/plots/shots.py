"""Score against shots, one panel per task: lines over shot counts, or dots where there is one shot count only."""

from __future__ import annotations

from collections.abc import Iterator

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.kinds import KINDS
from bench.report.numbers import sizes
from bench.report.numbers.summary import Row, Table
from bench.report.plots.canvas import LEGEND_WIDTH, METHODS, empty, legend, legend_height, new_figure, shown, title
from bench.report.plots.families import COLUMNS, by_family
from bench.report.plots.palette import look

PANELS = 24  # per figure; further tasks go to further figures
TOGETHER = 12  # methods that can be told apart in one panel; more are drawn family by family


def shots_figures(table: Table) -> Iterator[Figure]:
    """Figures for all tasks, as many as they need."""
    rows = [row for row in table.rows if any(_points(table, row, task) for task in table.tasks)]
    best = [row for row in rows if not row.baseline][:METHODS]
    rows = [row for row in rows if row.baseline or row in best]
    if not rows:
        figure = new_figure(6.8, 3.4)
        title(figure, table.section.title, beside_legend=False)
        empty(figure, "no cell gave a score")
        yield figure
        return
    draw, step = _together, PANELS
    if len(table.shots) == 1:
        draw, step = _dots, COLUMNS
    elif len(best) > TOGETHER:
        draw, step = _by_family, COLUMNS
    for start in range(0, len(table.tasks), step):
        figure = draw(table, table.tasks[start : start + step], rows)
        title(figure, table.section.title, beside_legend=draw is not _dots)
        yield figure


def _together(table: Table, tasks: tuple[str, ...], rows: list[Row]) -> Figure:
    """All methods in each panel."""
    columns = min(COLUMNS, len(tasks))
    lines = -(-len(tasks) // columns)
    figure = new_figure(max(2.6 * columns, 4.4) + LEGEND_WIDTH, max(2.3 * lines + 0.5, 3.4, legend_height(len(rows))))
    panels = figure.subplots(lines, columns, squeeze=False)
    for axes, task in zip(panels.flat, tasks, strict=False):
        axes.set_title(shown(task))
        _panel(axes, table, task, rows, rows)
    for axes in panels.flat[len(tasks) :]:
        axes.remove()
    _name_axes(figure, table)
    legend(figure, rows)
    return figure


def _by_family(table: Table, tasks: tuple[str, ...], rows: list[Row]) -> Figure:
    """A line of panels per family, its methods in colour and all others in grey behind them, its legend beside it."""
    figure = by_family(tasks, rows, lambda axes, task, members: _panel(axes, table, task, rows, members))
    _name_axes(figure, table)
    return figure


def _dots(table: Table, tasks: tuple[str, ...], rows: list[Row]) -> Figure:
    """Methods from top to bottom, best mean first: with one shot count there is no line to draw."""
    figure = new_figure(2.4 + max(2.1 * len(tasks), 4.0), 1.2 + 0.21 * max(5, len(rows)))
    panels = figure.subplots(1, len(tasks), squeeze=False, sharey="all")
    for axes, task in zip(panels[0], tasks, strict=True):
        axes.set_title(shown(task))
        scores = []
        for height, row in enumerate(rows):
            for _, score, width in _points(table, row, task):
                style = look(row.label, row.baseline)
                scores.append(score)
                if row.baseline:
                    axes.axvline(score, color=style.colour, linestyle=style.line, linewidth=1)
                axes.errorbar(
                    score,
                    height,
                    xerr=width or None,
                    color=style.colour,
                    marker="|" if row.baseline else style.marker,
                    markerfacecolor=style.face,
                    markersize=5,
                    elinewidth=1,
                )
        if scores:
            room = max(4.0, 0.15 * (max(scores) - min(scores)))
            axes.set_xlim(max(-2.0, min(scores) - room), min(102.0, max(scores) + room))
    panels[0, 0].set_yticks(range(len(rows)), [shown(row.label) for row in rows])
    panels[0, 0].set_ylim(len(rows) - 0.4, -0.6)
    figure.supxlabel(f"{KINDS[table.section.kind].headline_title} at {sizes.title(table.largest)}", fontsize=9)
    return figure


def _name_axes(figure: Figure, table: Table) -> None:
    kind = KINDS[table.section.kind]
    figure.supxlabel(kind.shots_title, fontsize=9)
    figure.supylabel(kind.headline_title, fontsize=9)


def _points(table: Table, row: Row, task: str) -> list[tuple[int, float, float]]:
    """Position of the shot count, score and half width, the last two in percent (0 where there is no interval)."""
    found = row.tasks.get(task, {})
    points = []
    for position, shots in enumerate(table.shots):
        estimate = found[shots].estimate if shots in found else None
        if estimate is not None:
            points.append((position, 100 * estimate.mean, 100 * (estimate.half_width or 0.0)))
    return points


def _panel(axes: Axes, table: Table, task: str, rows: list[Row], coloured: list[Row]) -> None:
    """`coloured` rows as they look everywhere, the others of `rows` in grey; all of them decide the scale."""
    axes.set_xticks(range(len(table.shots)), [str(sizes.typed(shots)) for shots in table.shots])
    axes.set_xlim(-0.5, len(table.shots) - 0.5)
    axes.grid(axis="x", visible=False)
    # Adapted methods side by side: with a dozen of them on one spot no interval could be read.
    beside = [row for row in coloured if not row.baseline]
    lowest, highest = 100.0, 0.0
    for row in rows:
        points = _points(table, row, task)
        if not points:
            continue
        style = look(row.label, row.baseline)
        positions, scores, widths = zip(*points, strict=True)
        lowest, highest = min(lowest, *scores), max(highest, *scores)
        if row.baseline:
            axes.axhline(scores[0], color=style.colour, linestyle=style.line, linewidth=1.2)
        elif row not in coloured:
            axes.plot(positions, scores, color="#d9d9d9", linewidth=0.7, zorder=0.5)
        else:
            step = 0.6 * (beside.index(row) / (len(beside) - 1) - 0.5) if len(beside) > 1 else 0.0
            axes.errorbar(
                [position + step for position in positions],
                scores,
                yerr=widths,
                color=style.colour,
                marker=style.marker,
                markerfacecolor=style.face,
                linestyle=style.line,
                markersize=4,
                linewidth=0.9,
                elinewidth=0.8,
            )
    if lowest <= highest:
        # Three seeds can have an interval far wider than all differences; the scores decide the scale, bars may leave it.
        room = max(4.0, 0.25 * (highest - lowest))
        axes.set_ylim(max(-2.0, lowest - room), min(102.0, highest + room))
