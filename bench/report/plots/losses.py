"""Learning curves: the mean loss of each tenth of a run, family by family, at the largest shot count."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from numpy.typing import NDArray

from bench.report.numbers import sizes
from bench.report.numbers.frame import OK
from bench.report.numbers.summary import Row, Table
from bench.report.plots.canvas import METHODS, title
from bench.report.plots.families import COLUMNS, by_family
from bench.report.plots.palette import look
from bench.report.text.display import brief

Curves = dict[tuple[str, str], NDArray[np.floating]]  # label and task -> loss [tenths], mean over seeds


def losses_figures(table: Table) -> Iterator[Figure]:
    """Figures for all tasks on which anything was trained by steps; none if there is no such task."""
    found = curves(table)
    rows = [row for row in table.rows if any(label == row.label for label, _ in found)][:METHODS]
    tasks = [task for task in table.tasks if any(of == task for _, of in found)]
    for start in range(0, len(tasks), COLUMNS):
        figure = by_family(
            tasks[start : start + COLUMNS], rows, lambda axes, task, members: _panel(axes, task, members, rows, found)
        )
        figure.supxlabel(f"share of the training steps, {sizes.title(table.largest)}", fontsize=9)
        figure.supylabel("training loss (logarithmic)", fontsize=9)
        title(figure, table.section.title, beside_legend=True)
        yield figure


def curves(table: Table) -> Curves:
    """Only runs with a positive loss in all ten tenths; a mean over fewer would not compare."""
    cells = table.cells[(table.cells["state"] == OK) & (table.cells["shots"] == table.largest) & table.cells["loss"].notna()]
    runs: dict[tuple[str, str], list[list[float]]] = {}
    for label, task, loss in cells[["label", "task", "loss"]].itertuples(index=False):
        values = json.loads(loss)
        if len(values) == 10 and min(values) > 0:
            runs.setdefault((label, task), []).append(values)
    return {key: np.mean(values, axis=0) for key, values in runs.items()}


def _panel(axes: Axes, task: str, members: list[Row], rows: list[Row], found: Curves) -> None:
    """The members in their looks, the others of `rows` in grey."""
    across = np.arange(5, 100, 10)
    for row in rows:
        curve = found.get((row.label, task))
        if curve is None:
            continue
        if row not in members:
            axes.plot(across, curve, color="#d9d9d9", linewidth=0.7, zorder=0.5)
            continue
        style = look(row.label, row.baseline)
        axes.plot(
            across, curve, color=style.colour, linestyle=style.line, linewidth=1.1, marker=style.marker,
            markerfacecolor=style.face, markersize=4, markevery=(members.index(row) % 4, 4),
        )  # fmt: skip
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=12))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: brief(value)))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_xlim(0, 100)
    axes.set_xticks([0, 50, 100], ["0", "50%", "100%"])
