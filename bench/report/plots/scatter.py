"""Score against what it costs, with the methods that nothing beats in both."""

from __future__ import annotations

from collections.abc import Callable

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator

from bench.kinds import KINDS
from bench.report.numbers import sizes
from bench.report.numbers.summary import Costs, Row, Table
from bench.report.plots.canvas import METHODS, empty, new_figure, shown, title
from bench.report.plots.labels import place
from bench.report.plots.palette import look
from bench.report.text.display import brief

CROWDED = 12  # more methods than this need a taller plot


def parameters_figure(table: Table) -> Figure:
    return _figure(table, "trained parameters (mean per cell)", lambda costs: costs.trainable)


def seconds_figure(table: Table) -> Figure:
    return _figure(table, "stand-alone seconds per cell (mean)", lambda costs: costs.seconds)


def memory_figure(table: Table) -> Figure:
    return _figure(
        table,
        "peak MiB above the baseline (largest)",
        lambda costs: None if costs.memory_bytes is None else costs.memory_bytes / 2**20,
    )


def joules_figure(table: Table) -> Figure:
    """Measured joules where any method has them, else estimated ones; never both in one plot."""
    if any(row.costs.joules_measured is not None for row in table.rows):
        return _figure(table, "stand-alone joules per cell, measured (mean)", lambda costs: costs.joules_measured)
    return _figure(table, "stand-alone joules per cell, ~estimated (mean)", lambda costs: costs.joules_estimated)


def front(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """The points (cost, score) that no other point equals or beats in both, cheapest first."""
    kept: list[tuple[float, float]] = []
    for cost, score in sorted(points, key=lambda point: (point[0], -point[1])):
        if not kept or score > kept[-1][1]:
            kept.append((cost, score))
    return kept


def _figure(table: Table, name: str, cost_of: Callable[[Costs], float | None]) -> Figure:
    found = [
        (row, cost, estimate.mean)
        for row in table.rows
        if (cost := cost_of(row.costs)) is not None and (estimate := row.scores[table.largest])
    ]
    found = found[:METHODS]
    figure = new_figure(9.6, 6.0 if len(found) > CROWDED else 4.6)
    title(figure, table.section.title, beside_legend=False)
    axes = figure.subplots()
    tasks = len(table.scores.gains)
    shots = f"mean over {tasks} task{'s' if tasks != 1 else ''} at {sizes.title(table.largest)}"
    axes.set(xlabel=name, ylabel=f"{KINDS[table.section.kind].headline_title}, {shots}")
    if not found:
        empty(figure, "no method has both figures for every cell")
        return figure
    stands = _scale(axes, [cost for _, cost, _ in found])
    steps = front([(stands(cost), 100 * score) for _, cost, score in found])
    end = axes.get_xlim()[1]
    axes.plot(
        [*(cost for cost, _ in steps), end],
        [*(score for _, score in steps), steps[-1][1]],
        drawstyle="steps-post",
        color="#9a9a9a",
        linewidth=1.2,
        zorder=1,
    )
    for row, cost, score in found:
        _mark(axes, row, stands(cost), 100 * score, table.largest)
    note = "grey line: nothing is both cheaper and better"
    left_out = sum(row.suits for row in table.rows) - len(found)
    if left_out:
        note += f"; {left_out} left out, for want of cells, of this cost or of room"
    axes.set_title(note, fontsize=8, loc="left", color="#555555")
    spread = [score for *_, score in found]
    # A very wide interval (a few seeds that disagree) may leave the picture; the scores decide its scale.
    room = max(3.0, 25 * (max(spread) - min(spread)))
    axes.set_ylim(max(-2.0, 100 * min(spread) - room), 100 * max(spread) + room)  # whatever lies at 0 is seen whole
    place(
        axes,
        [(stands(cost), 100 * score) for _, cost, score in found],
        [shown(row.label) for row, *_ in found],
        [look(row.label, row.baseline).colour for row, *_ in found],
    )
    return figure


def _mark(axes: Axes, row: Row, cost: float, score: float, shots: int) -> None:
    style, estimate = look(row.label, row.baseline), row.scores[shots]
    width = 100 * (estimate.half_width or 0.0) if estimate else 0.0
    # Intervals are pale, or thirty of them would hide the points.
    axes.errorbar(cost, score, yerr=width or None, color=style.colour, elinewidth=0.8, alpha=0.35, linestyle="none", zorder=2)
    # The baseline's dash of a marker needs weight to be seen.
    axes.plot(
        [cost],
        [score],
        color=style.colour,
        marker=style.marker,
        markerfacecolor=style.face,
        markersize=7,
        markeredgewidth=1.5,
        linestyle="none",
        zorder=3,
    )


def _scale(axes: Axes, costs: list[float]) -> Callable[[float], float]:
    """A logarithmic axis with a place for zero at its left end; returns where a cost stands."""
    positive = [cost for cost in costs if cost > 0] or [1.0]
    low, high = min(positive), max(positive)
    axes.set_xscale("log")
    # Less than three powers of ten: two more ticks in each, or hardly any would be seen.
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if high / low < 1000 else (1.0,), numticks=12))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: brief(value)))
    axes.minorticks_off()
    if min(costs) > 0:
        axes.set_xlim(low / 1.6, high * 1.6)
        return lambda cost: cost
    # No logarithm shows zero. It gets a place of its own, a step left of the smallest cost, and a tick that says 0.
    zero = low / max(3.0, (high / low) ** 0.15)
    axes.set_xlim(zero / 1.6, high * 1.6)
    ticks = [tick for tick in axes.get_xticks() if low / 1.05 <= tick <= high * 1.6]
    axes.set_xticks([zero, *ticks], ["0", *map(brief, ticks)])
    axes.minorticks_off()
    return lambda cost: cost if cost > 0 else zero
