"""Small multiples drawn in one pass.

A page of thirty panels as thirty of matplotlib's axes takes seconds, most of them for ticks and for finding a layout. Here
panels are data: positions in inches that are known beforehand, curves, intervals and texts. All of them go into a single axes
whose unit is the inch, lines and marks that look alike as one artist.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection, PolyCollection
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.path import Path
from numpy.typing import ArrayLike, NDArray

from bench.report.plots.canvas import TITLE_SIZE, blank_figure, shown, text_width, title_lines
from bench.report.plots.labels import SIZE, Label
from bench.report.plots.palette import Line, Look, look
from bench.report.plots.scales import Scale

GRID, PALE, FRAME, INK = "#e4e4e4", "#d9d9d9", "#555555", "#222222"
BACK, MIDDLE, FRONT = 1, 2, 3  # depths
_TICK = 0.05  # inches
SMALL, USUAL = 7.5, 9.0  # points
LINE = 0.16  # inches from one entry of a legend to the next


@dataclass(frozen=True)
class Curve:
    """Points x, y [n] in units of the data, joined by a line (`line` is not None), marked (`marker` is not empty), or both."""

    name: str  # of the method; empty for what is no method's
    x: NDArray[np.floating]
    y: NDArray[np.floating]
    colour: str
    line: Line | None = "-"
    width: float = 1.0
    marker: str = ""
    face: str = "none"
    size: float = 4.0
    every: tuple[int, int] = (0, 1)  # the first point with a mark, and the step to the next
    depth: int = MIDDLE


@dataclass(frozen=True)
class Interval:
    """From `low` to `high` at one place of the other axis."""

    at: float
    low: float
    high: float
    colour: str
    upright: bool = True
    pale: float = 0.55


@dataclass
class Panel:
    """A rectangle in inches from the left and the bottom of the sheet, with its two scales."""

    left: float
    bottom: float
    width: float
    height: float
    across: Scale
    up: Scale
    title: str = ""
    below_title: str = ""  # what is across, where the panels of a sheet differ in it
    remark: str = ""  # small, over the left corner
    below: bool = True  # whether its ticks across are written
    beside: bool = True  # whether its ticks up are written
    curves: list[Curve] = field(default_factory=list)
    intervals: list[Interval] = field(default_factory=list)

    def method(self, name: str, x: ArrayLike, y: ArrayLike, *, baseline: bool = False, **changes: Any) -> None:
        """A curve in the method's look."""
        style = look(name, baseline)
        given = {"line": style.line, "marker": "" if baseline else style.marker, "face": style.face, **changes}
        self.curve(name, x, y, colour=style.colour, **given)

    def curve(self, name: str, x: ArrayLike, y: ArrayLike, **given: Any) -> None:
        self.curves.append(Curve(name, np.asarray(x, dtype=float), np.asarray(y, dtype=float), **given))

    def level(self, name: str, y: float) -> None:
        """A baseline: a dashed line from side to side."""
        self.method(name, [self.across.low, self.across.high], [y, y], baseline=True, width=1.2)

    def bar(self, at: float, low: float, high: float, colour: str, *, upright: bool = True, pale: float = 0.55) -> None:
        self.intervals.append(Interval(at, low, high, colour, upright, pale))

    def place(self, x: ArrayLike, y: ArrayLike) -> NDArray[np.floating]:
        """Points [n, 2] in inches of the sheet."""
        return np.column_stack(
            np.broadcast_arrays(self.left + self.width * self.across.share(x), self.bottom + self.height * self.up.share(y))
        )


@dataclass(frozen=True)
class Entry:
    """A line of a legend, or a heading of one (`style` is None)."""

    left: float
    bottom: float
    text: str
    style: Look | None = None
    baseline: bool = False
    mark_only: bool = False


@dataclass
class Sheet:
    """A figure of panels. `width` and `height` in inches."""

    width: float
    height: float
    title: str
    below: str = ""  # what is across, written once
    beside: str = ""  # what is up
    room: float = 0.0  # inches at the right that the title leaves free
    panels: list[Panel] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    labels: list[tuple[Label, NDArray[np.floating]]] = field(default_factory=list)  # with the points [2] that they name

    def legend(self, left: float, top: float, labels: Sequence[tuple[str, bool]], heading: str = "") -> None:
        """From `top` downwards; `labels` with whether each is a baseline."""
        given = [Entry(left, 0, shown(heading))] if heading else []
        given += [Entry(left, 0, shown(label), look(label, baseline), baseline) for label, baseline in labels]
        self.entries += [Entry(left, top - LINE * (n + 0.5), e.text, e.style, e.baseline) for n, e in enumerate(given)]

    def keys(self, left: float, bottom: float, looks: Sequence[tuple[str, Look]]) -> None:
        """A legend of marks alone, in one line."""
        for name, style in looks:
            self.entries.append(Entry(left, bottom, shown(name), style, mark_only=True))
            left += 0.4 + text_width(shown(name), 8)

    def label(self, label: Label, point: NDArray[np.floating]) -> None:
        self.labels.append((label, point))

    def draw(self) -> Figure:
        figure = blank_figure(self.width, self.height)
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(0, self.width), ylim=(0, self.height))
        axes.set_axis_off()
        lines, marks = _Lines(), _Marks()
        for panel in self.panels:
            _frame(axes, panel, lines)
            for interval in panel.intervals:
                _interval(panel, interval, lines, marks)
            for curve in panel.curves:
                _curve(panel, curve, lines, marks)
        for entry in self.entries:
            _entry(axes, entry, lines, marks)
        for label, point in self.labels:
            _label(axes, label, point, lines)
        if self.labels:  # or lines of the plot would strike the names through
            boxes = [[(x0, y0), (x1, y0), (x1, y1), (x0, y1)] for x0, y0, x1, y1 in (label.box for label, _ in self.labels)]
            axes.add_collection(
                PolyCollection(boxes, facecolors=(1, 1, 1, 0.75), linewidths=0, zorder=FRONT + 0.2), autolim=False
            )
        lines.draw(axes)
        marks.draw(axes)
        for number, line in enumerate(title_lines(self.title, self.width - self.room)):
            axes.text(0.1, self.height - 0.14 - 0.17 * number, line, fontsize=TITLE_SIZE, va="center")
        left, right = min((p.left for p in self.panels), default=0), max((p.left + p.width for p in self.panels), default=0)
        axes.text((left + right) / 2, 0.15, self.below, fontsize=USUAL, ha="center", va="center")
        axes.text(0.14, self.height / 2, self.beside, fontsize=USUAL, ha="center", va="center", rotation=90)
        return figure


class _Lines:
    """All lines: at each depth those that look alike are one path."""

    def __init__(self) -> None:
        self.found: dict[int, dict[tuple[Any, float, Line], list[Path]]] = defaultdict(lambda: defaultdict(list))

    def add(self, points: ArrayLike, colour: Any, width: float, line: Line = "-", depth: int = MIDDLE) -> None:
        self.found[depth][colour, width, line].append(Path(np.asarray(points, dtype=float)))

    def draw(self, axes: Axes) -> None:
        for depth, found in self.found.items():
            colours, widths, lines = zip(*found, strict=True)
            paths = [Path.make_compound_path(*alike) for alike in found.values()]
            looks = {"edgecolors": colours, "linewidths": widths, "linestyles": list(lines), "facecolors": "none"}
            axes.add_collection(PathCollection(paths, **looks, zorder=depth), autolim=False)


class _Marks:
    """All marks, those that look alike together."""

    def __init__(self) -> None:
        self.found: dict[tuple[int, str, str, str, float], list[NDArray[np.floating]]] = defaultdict(list)

    def add(self, points: NDArray[np.floating], depth: int, marker: str, colour: str, face: str, size: float) -> None:
        self.found[depth, marker, colour, face, size].append(points)

    def draw(self, axes: Axes) -> None:
        for (depth, marker, colour, face, size), points in self.found.items():
            x, y = np.concatenate(points).T
            axes.plot(
                x, y, linestyle="none", marker=marker, color=colour, markerfacecolor=face, markersize=size, zorder=depth + 0.5
            )


def _frame(axes: Axes, panel: Panel, lines: _Lines) -> None:
    """Two sides, a grid, the ticks with their values, the title."""
    left, bottom, right, top = panel.left, panel.bottom, panel.left + panel.width, panel.bottom + panel.height
    lines.add([(left, top), (left, bottom), (right, bottom)], FRAME, 0.8, depth=FRONT)
    for value, text in panel.across.ticks:
        x = left + panel.width * float(panel.across.share(value))
        lines.add([(x, bottom), (x, bottom - _TICK)], FRAME, 0.8)
        lines.add([(x, bottom), (x, top)], GRID, 0.6, depth=0)
        if panel.below:
            axes.text(x, bottom - 1.5 * _TICK, text, fontsize=8, ha="center", va="top")
    for value, text in panel.up.ticks:
        y = bottom + panel.height * float(panel.up.share(value))
        lines.add([(left, y), (left - _TICK, y)], FRAME, 0.8)
        lines.add([(left, y), (right, y)], GRID, 0.6, depth=0)
        if panel.beside:
            axes.text(left - 1.5 * _TICK, y, text, fontsize=8, ha="right", va="center")
    if panel.title:
        axes.text((left + right) / 2, top + 0.06, shown(panel.title), fontsize=USUAL, ha="center", va="bottom")

    if panel.remark:
        axes.text(left, top + 0.06, panel.remark, fontsize=8, color=FRAME, va="bottom")
    if panel.below_title:
        axes.text((left + right) / 2, bottom - 0.32, panel.below_title, fontsize=USUAL, ha="center", va="center")


def _label(axes: Axes, label: Label, point: NDArray[np.floating], lines: _Lines) -> None:
    if label.line_to is not None:
        lines.add(np.array([point, label.line_to]), "#777777", 0.6)
    axes.text(
        label.x, label.y, label.text, fontsize=SIZE, ha="center", va="center", color=INK, weight=label.weight, zorder=FRONT + 1
    )


def _interval(panel: Panel, given: Interval, lines: _Lines, marks: _Marks) -> None:
    """Cut at the edge of the panel; an arrow says that it goes on."""
    scale = panel.up if given.upright else panel.across
    low, high = max(given.low, scale.low), min(given.high, scale.high)
    ends = panel.place([given.at] * 2, [low, high]) if given.upright else panel.place([low, high], [given.at] * 2)
    lines.add(ends, to_rgba(given.colour, given.pale), 0.8)
    arrows = ("v", "^") if given.upright else ("<", ">")
    for end, arrow, cut in zip(ends, arrows, (given.low < scale.low, given.high > scale.high), strict=True):
        if cut:
            marks.add(end[None], MIDDLE, arrow, given.colour, given.colour, 3.0)


def _curve(panel: Panel, curve: Curve, lines: _Lines, marks: _Marks) -> None:
    points = panel.place(curve.x, curve.y)
    if curve.line is not None and len(points) > 1:
        lines.add(points, curve.colour, curve.width, curve.line, curve.depth)
    if curve.marker and len(points):
        start, step = curve.every
        marks.add(points[start::step], curve.depth, curve.marker, curve.colour, curve.face, curve.size)


def _entry(axes: Axes, entry: Entry, lines: _Lines, marks: _Marks) -> None:
    x, y, style = entry.left, entry.bottom, entry.style
    if style is None:
        axes.text(x, y, entry.text, fontsize=8.5, va="center")
        return
    if entry.mark_only:
        marks.add(np.array([[x + 0.06, y]]), MIDDLE, style.marker, style.colour, style.face, 6.0)
        axes.text(x + 0.16, y, entry.text, fontsize=8, va="center")
        return
    lines.add([(x, y), (x + 0.36, y)], style.colour, 1.2, style.line)
    if not entry.baseline:
        marks.add(np.array([[x + 0.18, y]]), MIDDLE, style.marker, style.colour, style.face, 5.0)
    axes.text(x + 0.44, y, entry.text, fontsize=8, va="center")
