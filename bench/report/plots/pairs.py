"""Two figures of a board against each other: new classes against base, what was forgotten against what was gained."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from bench.report.numbers import sizes
from bench.report.numbers.entries import FORGETTING, NEW_CLASSES, harmonic
from bench.report.numbers.summary import Row, Table
from bench.report.plots.canvas import METHODS, empty, shown, title_height
from bench.report.plots.labels import place
from bench.report.plots.palette import BASELINE, family_looks
from bench.report.plots.scales import Scale, linear
from bench.report.plots.sheet import Panel, Sheet

WIDE, HIGH = 8.0, 5.0  # inches of the panel
_LINE = "#d2d2d2"

Found = tuple[Row, float, float]  # a method with what is across and what is up, in percent


def has_pairs(table: Table) -> bool:
    return table.section.board in (NEW_CLASSES.name, FORGETTING.name)


def pairs_figure(table: Table) -> Figure:
    found = _points(table)
    if not found:
        return empty(table.section.title, "no method has both figures for every cell")
    sheet = Sheet(WIDE + 1.6, 0.0, table.section.title)
    head = title_height(table.section.title, sheet.width)
    sheet.height = head + 0.42 + HIGH + 0.5
    x, y = (np.array([point[place_] for point in found]) for place_ in (1, 2))
    panel = Panel(0.72, 0.5, WIDE, HIGH, _scale(x), _scale(y))
    sheet.panels.append(panel)
    at = f"mean over {len(table.scores.gains)} tasks at {sizes.title(table.largest)}"
    if table.section.board == NEW_CLASSES.name:
        sheet.below, sheet.beside = f"accuracy on base classes (%), {at}", "accuracy on new classes (%)"
        panel.remark = f"grey lines: a harmonic mean of {', '.join(_iso_lines(panel))}"
    else:
        sheet.below, sheet.beside = f"score on the task that was fitted (%), {at}", FORGETTING.headline_title
        panel.remark = "grey line: nothing is forgotten"
        panel.curve("", [panel.across.low, panel.across.high], [0.0, 0.0], colour=_LINE, depth=1)
    _marks(sheet, panel, table, found)
    families = sorted({row.family for row in table.rows if not row.baseline})
    sheet.keys(0.72, sheet.height - head - 0.06, list(family_looks(families).items()))
    return sheet.draw()


def _points(table: Table) -> list[Found]:
    found = []
    for row in table.rows:
        score, metrics = row.scores[table.largest], row.metrics
        if table.section.board == NEW_CLASSES.name and {"base", "new"} <= metrics.keys():
            found.append((row, 100 * metrics["base"], 100 * metrics["new"]))
        elif table.section.board == FORGETTING.name and score is not None and "own task" in metrics:
            found.append((row, 100 * metrics["own task"], 100 * score.mean))
    return found[:METHODS]


def _scale(values: np.ndarray) -> Scale:
    room = max(1.0, 0.08 * float(np.ptp(values)))
    return linear(float(values.min()) - room, float(values.max()) + room, ticks=8)


def _iso_lines(panel: Panel) -> list[str]:
    """Where the harmonic mean is the same: new = h base / (2 base - h), for round h that cross the panel, which it returns."""
    drawn = []
    corners = [harmonic(panel.across.low, panel.up.low), harmonic(panel.across.high, panel.up.high)]
    low, high = (corner or 0.0 for corner in corners)
    for mean, text in linear(low, high, ticks=7).ticks:
        base = np.linspace(panel.across.low, panel.across.high, 200)
        base = base[2 * base > mean]
        new = mean * base / (2 * base - mean)
        inside = (new >= panel.up.low) & (new <= panel.up.high)
        if inside.any():
            panel.curve("", base[inside], new[inside], colour=_LINE, depth=1)
            drawn.append(text)
    return drawn


def _marks(sheet: Sheet, panel: Panel, table: Table, found: list[Found]) -> None:
    looks = family_looks(sorted({row.family for row in table.rows if not row.baseline}))
    for row, x, y in found:
        style = BASELINE if row.baseline else looks[row.family]
        at = ([x], [y])
        panel.curve(row.label, *at, colour=style.colour, line=None, marker=style.marker, face=style.face, size=6.5, depth=3)
    inches = panel.place([x for _, x, _ in found], [y for *_, y in found])
    bounds = (panel.left, panel.bottom, panel.left + panel.width + 0.7, panel.bottom + panel.height + 0.1)
    needed = [row.baseline or number < 12 for number, (row, *_) in enumerate(found)]
    labels = place(inches, [shown(row.label) for row, *_ in found], needed, bounds, [row.baseline for row, *_ in found])
    for label, point in zip(labels, inches, strict=True):
        if label is not None:
            sheet.label(label, point)
