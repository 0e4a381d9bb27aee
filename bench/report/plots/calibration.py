"""Whether methods know what they know: the expected calibration error, and reliability diagrams where the records have bins.

(Guo et al., ICML 2017.) A method whose confidence is right lies on the diagonal of a reliability diagram.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.kinds.metrics import Reliability
from bench.report.numbers import sizes
from bench.report.numbers.frame import OK, metric_column
from bench.report.numbers.summary import Row, Table
from bench.report.plots.canvas import METHODS
from bench.report.plots.families import COLUMNS, by_family
from bench.report.plots.palette import look
from bench.report.plots.rows import by_method
from bench.report.plots.scales import Scale, linear
from bench.report.plots.sheet import Panel, Sheet

ERROR = metric_column("calibration_error")
_LEAST = 0.01  # share of the test examples that a bin needs to be drawn: the mean of a few says nothing

Bins = dict[tuple[str, str], NDArray[np.floating]]  # label and task -> [3, bins]: count, right, confidence


def errors_sheets(table: Table) -> Iterator[Sheet]:
    """The error of each method on each task, best score first: a mark at the largest shot count, dots at fewer."""
    cells = table.cells[(table.cells["state"] == OK)]
    if ERROR not in cells or cells[ERROR].isna().all():
        return
    means = cells.groupby(["label", "task", "shots"])[ERROR].mean()
    rows = [row for row in table.rows if row.label in means.index.get_level_values("label")][:METHODS]
    tasks = [task for task in table.tasks if task in means.index.get_level_values("task")]

    def across(task: str) -> Scale:
        return linear(0.0, max(1.0, 104 * float(means.xs(task, level="task").max())), ticks=4)

    def fill(panel: Panel, task: str) -> None:
        for number, row in enumerate(rows):
            found = means.get((row.label, task))
            if found is not None:
                _errors(panel, row, -number, found)

    for start in range(0, len(tasks), COLUMNS):
        sheet = by_method(table.section.title, tasks[start : start + COLUMNS], rows, across, fill)
        fewer = ", grey dots at fewer" if len(table.shots) > 1 else ""
        sheet.below = f"expected calibration error in points, less is better: {sizes.title(table.largest)}{fewer}"
        yield sheet


def _errors(panel: Panel, row: Row, height: int, found: pd.Series) -> None:
    """`found`: by shots."""
    panel.curve("", 100 * found, [height] * len(found), colour="#b5b5b5", marker=".", face="#b5b5b5", width=0.7, depth=1)
    style = look(row.label, row.baseline)
    largest = 100 * found.loc[found.index.max()]
    panel.method(row.label, [largest], [height], line=None, size=6, marker="|" if row.baseline else style.marker)


def reliability_sheets(table: Table) -> Iterator[Sheet]:
    """Accuracy against confidence at the largest shot count; none where no record has bins."""
    found = bins(table)
    rows = [row for row in table.rows if any(label == row.label for label, _ in found)][:METHODS]
    tasks = [task for task in table.tasks if any(of == task for _, of in found)]
    percent = Scale(0, 100, ticks=[(0.0, "0"), (50.0, "50"), (100.0, "100")])

    def fill(panel: Panel, task: str, members: list[Row]) -> None:
        _fill(panel, task, members, found)

    for start in range(0, len(tasks), COLUMNS):
        sheet = by_family(table.section.title, tasks[start : start + COLUMNS], rows, lambda _: (percent, percent), fill)
        sheet.below = f"confidence (%), {sizes.title(table.largest)}"
        sheet.beside = "accuracy (%): below the grey line is overconfident"
        yield sheet


def bins(table: Table) -> Bins:
    """The bins of all seeds together."""
    cells = table.cells[(table.cells["state"] == OK) & table.cells["shots"].isin([0, table.largest])]
    summed: Bins = {}
    for label, task, given in cells[["label", "task", "reliability"]].itertuples(index=False):
        if isinstance(given, Reliability):
            values = np.array([given.count, given.right, given.confidence], dtype=float)
            summed[label, task] = summed.get((label, task), 0) + values
    return summed


def _fill(panel: Panel, task: str, members: list[Row], found: Bins) -> None:
    panel.curve("", [0, 100], [0, 100], colour="#9a9a9a", depth=1)
    for row in members:
        given = found.get((row.label, task))
        if given is None:
            continue
        count, right, confidence = given[:, given[0] >= _LEAST * given[0].sum()]
        x, y = 100 * confidence / count, 100 * right / count
        panel.method(row.label, x, y, baseline=row.baseline, marker=look(row.label, row.baseline).marker)
