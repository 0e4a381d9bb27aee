"""Whether methods know what they know: the expected calibration error, and reliability diagrams where the records have bins.

(Guo et al., ICML 2017.) A method whose confidence is right lies on the diagonal of a reliability diagram.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from bench.kinds.metrics import Reliability
from bench.report.numbers import sizes
from bench.report.numbers.frame import OK, metric_column
from bench.report.numbers.summary import Row, Table
from bench.report.plots.canvas import METHODS, new_figure, shown, title
from bench.report.plots.families import COLUMNS, by_family
from bench.report.plots.palette import look

ERROR = metric_column("calibration_error")
_LEAST = 0.01  # share of the test examples that a bin needs to be drawn: the mean of a few says nothing

Bins = dict[tuple[str, str], NDArray[np.floating]]  # label and task -> [3, bins]: count, right, confidence


def errors_figures(table: Table) -> Iterator[Figure]:
    """The error of each method on each task, best score first: a mark at the largest shot count, dots at fewer."""
    cells = table.cells[(table.cells["state"] == OK)]
    if ERROR not in cells or cells[ERROR].isna().all():
        return
    means = cells.groupby(["label", "task", "shots"])[ERROR].mean()
    rows = [row for row in table.rows if row.label in means.index.get_level_values("label")][:METHODS]
    tasks = [task for task in table.tasks if task in means.index.get_level_values("task")]
    for start in range(0, len(tasks), COLUMNS):
        shown_tasks = tasks[start : start + COLUMNS]
        figure = new_figure(2.4 + max(2.1 * len(shown_tasks), 4.0), 1.2 + 0.21 * max(5, len(rows)))
        panels = figure.subplots(1, len(shown_tasks), squeeze=False, sharey="all")
        for axes, task in zip(panels[0], shown_tasks, strict=True):
            axes.set_title(shown(task))
            for height, row in enumerate(rows):
                _errors(axes, row, height, means, task)
            axes.set_xlim(left=0)
        panels[0, 0].set_yticks(range(len(rows)), [shown(row.label) for row in rows])
        panels[0, 0].set_ylim(len(rows) - 0.4, -0.6)
        fewer = ", grey dots at fewer" if len(table.shots) > 1 else ""
        figure.supxlabel(f"expected calibration error in points, less is better: {sizes.title(table.largest)}{fewer}", fontsize=9)
        title(figure, table.section.title, beside_legend=False)
        yield figure


def _errors(axes: Axes, row: Row, height: int, means: pd.Series, task: str) -> None:
    style = look(row.label, row.baseline)
    found = means.get((row.label, task))
    if found is None:
        return
    axes.plot(100 * found, [height] * len(found), color="#b5b5b5", marker=".", markersize=4, linewidth=0.7, zorder=1)
    marker = "|" if row.baseline else style.marker
    largest = 100 * found.loc[found.index.max()]
    axes.plot([largest], [height], color=style.colour, marker=marker, markerfacecolor=style.face, markersize=6, zorder=2)


def reliability_figures(table: Table) -> Iterator[Figure]:
    """Accuracy against confidence at the largest shot count; none where no record has bins."""
    found = bins(table)
    rows = [row for row in table.rows if any(label == row.label for label, _ in found)][:METHODS]
    tasks = [task for task in table.tasks if any(of == task for _, of in found)]
    for start in range(0, len(tasks), COLUMNS):
        figure = by_family(tasks[start : start + COLUMNS], rows, lambda axes, task, members: _panel(axes, task, members, found))
        figure.supxlabel(f"confidence (%), {sizes.title(table.largest)}", fontsize=9)
        figure.supylabel("accuracy (%): below the grey line is overconfident", fontsize=9)
        title(figure, table.section.title, beside_legend=True)
        yield figure


def bins(table: Table) -> Bins:
    """The bins of all seeds together."""
    cells = table.cells[(table.cells["state"] == OK) & table.cells["shots"].isin([0, table.largest])]
    summed: Bins = {}
    for label, task, given in cells[["label", "task", "reliability"]].itertuples(index=False):
        if isinstance(given, Reliability):
            values = np.array([given.count, given.right, given.confidence], dtype=float)
            summed[label, task] = summed.get((label, task), 0) + values
    return summed


def _panel(axes: Axes, task: str, members: list[Row], found: Bins) -> None:
    axes.plot([0, 100], [0, 100], color="#9a9a9a", linewidth=1, zorder=0.5)
    for row in members:
        given = found.get((row.label, task))
        if given is None:
            continue
        count, right, confidence = given[:, given[0] >= _LEAST * given[0].sum()]
        style = look(row.label, row.baseline)
        axes.plot(
            100 * confidence / count, 100 * right / count, color=style.colour, linestyle=style.line, linewidth=1,
            marker=style.marker, markerfacecolor=style.face, markersize=4,
        )  # fmt: skip
    axes.set(xlim=(0, 100), ylim=(0, 100), xticks=[0, 50, 100], yticks=[0, 50, 100])
