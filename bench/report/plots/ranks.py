"""The critical-difference diagram: methods by their mean rank, a bar over each group that can't be told apart.

(Demsar, JMLR 7, 2006, figure 1.) The best rank is at the left. One panel per shot count.
"""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.report.numbers import sizes
from bench.report.numbers.ranking import Ranking
from bench.report.numbers.section import Section
from bench.report.plots.canvas import TITLE_SIZE, blank_figure, shown, title_height, title_lines
from bench.report.plots.palette import look

_LINE = 0.17  # inches from one label to the next
_BAR = 0.075  # inches from one group's bar to the next
_HEAD = 0.55  # inches above the axis: the critical difference, and the ticks' labels
_WIDTH = 9.6


def ranks_figure(section: Section, rankings: Sequence[Ranking], baselines: frozenset[str]) -> Figure:
    """`baselines`: labels that look like baselines everywhere."""
    heights = [_HEAD + 0.25 + _BAR * (len(found.cliques) + 1) + _LINE * ((len(found.ranks) + 1) // 2) for found in rankings]
    head = title_height(section.title, _WIDTH)
    height = head + sum(heights) + 0.3 * len(heights)
    figure = blank_figure(_WIDTH, height)
    for number, line in enumerate(title_lines(section.title, _WIDTH)):
        figure.text(0.1 / _WIDTH, 1 - (0.14 + 0.17 * number) / height, line, fontsize=TITLE_SIZE, va="center")
    top = height - head
    for ranking, tall in zip(rankings, heights, strict=True):
        axes = figure.add_axes((0.01, (top - 0.25 - tall) / height, 0.98, tall / height))
        _panel(axes, ranking, tall, baselines)
        top -= tall + 0.3
    return figure


def _panel(axes: Axes, ranking: Ranking, height: float, baselines: frozenset[str]) -> None:
    """Across in ranks, down in inches from the axis of ranks."""
    count = len(ranking.ranks)
    side = 0.32 * (count - 1)  # for the labels, as wide as the axis takes in ranks
    axes.set(xlim=(1 - side, count + side), ylim=(height - _HEAD, -_HEAD))
    axes.set_axis_off()
    axes.set_title(
        f"mean rank over {len(ranking.tasks)} tasks at {sizes.title(ranking.shots)}; bars join what can't be told apart",
        loc="left",
    )
    _scale(axes, ranking)
    for number, clique in enumerate(ranking.cliques):
        ends = [ranking.ranks[label] for label in (clique[0], clique[-1])]
        reach = 0.004 * count
        axes.plot(
            [ends[0] - reach, ends[1] + reach], [_BAR * (number + 1)] * 2, color="black", linewidth=2.6, solid_capstyle="butt"
        )
    top = _BAR * (len(ranking.cliques) + 1) + 0.12
    labels = list(ranking.ranks)
    half = (count + 1) // 2
    for place, label in enumerate(labels[:half]):
        _method(axes, label, ranking.ranks[label], top + _LINE * place, 1 - 0.03 * side, "right", label in baselines)
    for place, label in enumerate(reversed(labels[half:])):
        _method(axes, label, ranking.ranks[label], top + _LINE * place, count + 0.03 * side, "left", label in baselines)


def _scale(axes: Axes, ranking: Ranking) -> None:
    """The axis of ranks, and the critical difference as a bar above it."""
    count = len(ranking.ranks)
    axes.plot([1, count], [0, 0], color="black", linewidth=1)
    step = max(1, round(count / 10))
    for rank in sorted({1, *range(step, count + 1, step), count}):
        axes.plot([rank, rank], [0, -0.06], color="black", linewidth=1)
        if rank in (1, count) or (rank - 1 > step / 2 and count - rank > step / 2):
            axes.text(rank, -0.09, str(rank), ha="center", va="bottom", fontsize=8)
    end = 1 + ranking.critical_difference
    axes.plot([1, end], [-0.36, -0.36], color="black", linewidth=1.2, marker="|", markersize=6)
    axes.text(
        end + 0.01 * count, -0.36, f"critical difference {ranking.critical_difference:.2f}", ha="left", va="center", fontsize=8
    )


def _method(axes: Axes, label: str, rank: float, depth: float, edge: float, side: str, baseline: bool) -> None:
    """From the axis down, then out to the label."""
    style = look(label, baseline)
    axes.plot([rank, rank, edge], [0, depth, depth], color="#8a8a8a", linewidth=0.7, zorder=0.5)
    axes.plot(
        [rank, edge], [0, depth], color=style.colour, marker=style.marker, markerfacecolor=style.face, linestyle="none",
        markersize=5, zorder=3,
    )  # fmt: skip
    gap, text = (-7, f"{shown(label)}  {rank:.2f}") if side == "right" else (7, f"{rank:.2f}  {shown(label)}")
    axes.annotate(text, (edge, depth), (gap, 0), textcoords="offset points", ha=side, va="center", fontsize=8)
