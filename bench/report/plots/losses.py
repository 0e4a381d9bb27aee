"""Learning curves: the mean loss of each tenth of a run, family by family, at the largest shot count."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from bench.report.numbers import sizes
from bench.report.numbers.frame import OK
from bench.report.numbers.summary import Row, Table
from bench.report.plots.canvas import METHODS
from bench.report.plots.families import COLUMNS, by_family
from bench.report.plots.scales import Scale, logarithmic
from bench.report.plots.sheet import PALE, Panel, Sheet

Curves = dict[tuple[str, str], NDArray[np.floating]]  # label and task -> loss [tenths], mean over seeds
_ACROSS = np.arange(5, 100, 10)  # middles of the tenths
_SHARES = [(0.0, "0"), (50.0, "50%"), (100.0, "100%")]


def losses_sheets(table: Table) -> Iterator[Sheet]:
    """For all tasks on which anything was trained by steps; none if there is no such task."""
    found = curves(table)
    rows = [row for row in table.rows if any(label == row.label for label, _ in found)][:METHODS]
    tasks = [task for task in table.tasks if any(of == task for _, of in found)]

    def scales(task: str) -> tuple[Scale, Scale]:
        seen = np.concatenate([curve for (_, of), curve in found.items() if of == task])
        return Scale(0, 100, ticks=_SHARES), logarithmic(float(seen.min()), float(seen.max()))

    def fill(panel: Panel, task: str, members: list[Row]) -> None:
        _fill(panel, task, members, rows, found)

    for start in range(0, len(tasks), COLUMNS):
        sheet = by_family(table.section.title, tasks[start : start + COLUMNS], rows, scales, fill)
        sheet.below = f"share of the training steps, {sizes.title(table.largest)}"
        sheet.beside = "training loss (logarithmic)"
        yield sheet


def curves(table: Table) -> Curves:
    """Only runs with a positive loss in all ten tenths; a mean over fewer would not compare."""
    cells = table.cells[(table.cells["state"] == OK) & (table.cells["shots"] == table.largest) & table.cells["loss"].notna()]
    runs: dict[tuple[str, str], list[list[float]]] = {}
    for label, task, loss in cells[["label", "task", "loss"]].itertuples(index=False):
        values = json.loads(loss)
        if len(values) == 10 and min(values) > 0:
            runs.setdefault((label, task), []).append(values)
    return {key: np.mean(values, axis=0) for key, values in runs.items()}


def _fill(panel: Panel, task: str, members: list[Row], rows: list[Row], found: Curves) -> None:
    """The members in their looks, the others of `rows` in grey."""
    for row in rows:
        curve = found.get((row.label, task))
        if curve is None:
            continue
        if row in members:
            panel.method(row.label, _ACROSS, curve, baseline=row.baseline, width=1.1, every=(members.index(row) % 4, 4))
        else:
            panel.curve("", _ACROSS, curve, colour=PALE, width=0.7, depth=1)
