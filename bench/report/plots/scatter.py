"""Score against what it costs, with the methods that nothing beats in both. Colour and mark say the family, labels the method."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from matplotlib.figure import Figure

from bench.report.numbers import sizes
from bench.report.numbers.summary import Costs, Row, Table
from bench.report.plots.canvas import METHODS, empty, shown, title_height
from bench.report.plots.labels import place
from bench.report.plots.palette import BASELINE, Look, family_looks
from bench.report.plots.scales import cost_scale, linear
from bench.report.plots.sheet import Panel, Sheet

CROWDED = 12  # more methods than this need a taller plot
BEST = 5  # methods that are named for their score, besides those on the front
_MARGINS = 1.4  # inches: beside a panel, for the axis and for names that reach beyond it
_WIDTH, _BESIDE, _KEYS = 9.6, 5.4, 0.42  # inches: of a panel with its margins, of one beside another, and from title to panel

Point = tuple[Row, float, float]  # of a method: its cost and its score in percent
Cost = tuple[str, Callable[[Costs], float | None]]  # what is across, and how a row's is found

PARAMETERS: Cost = ("trained parameters (mean per cell)", lambda costs: costs.trainable)
SECONDS: Cost = ("stand-alone seconds per cell (mean)", lambda costs: costs.seconds)
MEMORY: Cost = (
    "peak MiB above the baseline (largest)",
    lambda costs: None if costs.memory_bytes is None else costs.memory_bytes / 2**20,
)
MEASURED: Cost = ("stand-alone joules per cell, measured (mean)", lambda costs: costs.joules_measured)
ESTIMATED: Cost = ("stand-alone joules per cell, ~estimated (mean)", lambda costs: costs.joules_estimated)


def joules(table: Table) -> Cost:
    """Measured joules where any method has them, else estimated ones; never both in one plot."""
    return MEASURED if any(row.costs.joules_measured is not None for row in table.rows) else ESTIMATED


def cost_figure(table: Table, cost: Cost) -> Figure:
    if not points(table, cost):
        return empty(table.section.title, "no method has both figures for every cell")
    return cost_sheet(table, [cost]).draw()


def points(table: Table, cost: Cost) -> list[Point]:
    """The methods with both figures, best first."""
    found = [
        (row, spent, 100 * estimate.mean)
        for row in table.rows
        if (spent := cost[1](row.costs)) is not None and (estimate := row.scores[table.largest])
    ]
    return found[:METHODS]


def cost_sheet(table: Table, costs: Sequence[Cost]) -> Sheet:
    """A panel for each cost, for which there must be points."""
    high = 4.9 if max(len(points(table, cost)) for cost in costs) > CROWDED else 3.5
    wide = _WIDTH if len(costs) == 1 else _BESIDE
    sheet = Sheet(wide * len(costs), 0.0, table.section.title)
    head = title_height(table.section.title, sheet.width)
    sheet.height = head + _KEYS + high + 0.5
    tasks = len(table.scores.gains)
    over = f"mean over {tasks} task{'s' if tasks != 1 else ''} at {sizes.title(table.largest)}"
    sheet.beside = f"{table.section.headline_title}, {over}"
    families = sorted({row.family for row in table.rows if not row.baseline})
    for number, cost in enumerate(costs):
        found = points(table, cost)
        spread = [score for *_, score in found]
        # A very wide interval (a few seeds that disagree) may leave the picture; the scores decide its scale.
        room = max(3.0, 0.2 * (max(spread) - min(spread)))
        low = min(spread) - room
        up = linear(low if min(spread) < 0 else max(-2.0, low), max(spread) + room, ticks=8)  # what lies at 0 is seen whole
        panel = Panel(0.72 + wide * number, 0.5, wide - _MARGINS, high, cost_scale([spent for _, spent, _ in found]), up)
        panel.below_title = cost[0]
        sheet.panels.append(panel)
        _fill(sheet, panel, table, found, family_looks(families))
    sheet.keys(0.72, sheet.height - head - 0.06, [(name, look) for name, look in family_looks(families).items()])
    return sheet


def _fill(sheet: Sheet, panel: Panel, table: Table, found: list[Point], looks: dict[str, Look]) -> None:
    steps = front([(spent, score) for _, spent, score in found])
    ends = [(panel.across.high, steps[-1][1])]
    corners = [(cost, before) for (cost, _), (_, before) in zip(steps[1:], steps, strict=False)]
    line = sorted([*steps, *corners, *ends])
    panel.curve("", *zip(*line, strict=True), colour="#8f8f8f", width=1.2)
    on_front, size = set(steps), 7.0 if len(found) <= 2 * CROWDED else 5.5
    for row, spent, score in found:
        style, estimate = BASELINE if row.baseline else looks[row.family], row.scores[table.largest]
        if estimate and estimate.half_width:
            reach = 100 * estimate.half_width
            panel.bar(spent, score - reach, score + reach, style.colour, pale=0.35)
        at = ([spent], [score])
        panel.curve(row.label, *at, colour=style.colour, line=None, marker=style.marker, face=style.face, size=size, depth=3)
    needed = [
        row.baseline or number < BEST or (spent, score) in on_front or len(found) <= CROWDED
        for number, (row, spent, score) in enumerate(found)
    ]
    inches = panel.place([spent for _, spent, _ in found], [score for *_, score in found])
    bounds = (panel.left, panel.bottom, panel.left + panel.width + 0.7, panel.bottom + panel.height + 0.1)
    bold = [(spent, score) in on_front for _, spent, score in found]
    labels = place(inches, [shown(row.label) for row, *_ in found], needed, bounds, bold)
    for label, point in zip(labels, inches, strict=True):
        if label is not None:
            sheet.label(label, point)
    panel.remark = _remark(table, found, sum(label is None for label in labels))


def _remark(table: Table, found: list[Point], unnamed: int) -> str:
    """What is written over a panel."""
    parts = ["grey line and bold names: none is both cheaper and better"]
    left_out = sum(row.suits for row in table.rows) - len(found)
    if left_out:
        parts.append(f"{left_out} left out, for want of cells, of this cost or of room")
    if unnamed:
        parts.append(f"{unnamed} unnamed")
    return "; ".join(parts)


def front(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The points (cost, score) that no other point equals or beats in both, cheapest first."""
    kept: list[tuple[float, float]] = []
    for cost, score in sorted(points, key=lambda point: (point[0], -point[1])):
        if not kept or score > kept[-1][1]:
            kept.append((cost, score))
    return kept
