"""Panels by family and task: a line of them per family, so that thirty methods can be told apart."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.report.numbers.summary import Row
from bench.report.plots.canvas import LEGEND_WIDTH, handle, new_figure, shown

COLUMNS = 4  # tasks beside each other
_LARGEST = 9  # methods in one panel; a larger family takes several lines of panels


def by_family(tasks: Sequence[str], rows: Sequence[Row], panel: Callable[[Axes, str, list[Row]], None]) -> Figure:
    """`panel(axes, task, members)` draws a panel: the baselines and the family's members come in their own looks.

    The legend of each family stands beside its line.
    """
    baselines = [row for row in rows if row.baseline]
    groups = families(rows) or [("", [])]
    figure = new_figure(max(2.5 * len(tasks), 4.4) + LEGEND_WIDTH, 0.7 + 2.1 * len(groups))
    panels = figure.subplots(len(groups), len(tasks), squeeze=False, sharex="all", sharey="col")
    for number, (line, (family, members)) in enumerate(zip(panels, groups, strict=True)):
        for axes, task in zip(line, tasks, strict=True):
            if number == 0:
                axes.set_title(shown(task))
            panel(axes, task, [*baselines, *members])
        beside = [*members, *baselines]
        line[-1].legend(
            [handle(row.label, row.baseline, lines=True) for row in beside],
            [shown(row.label) for row in beside],
            title=shown(family),
            alignment="left",
            loc="upper left",
            bbox_to_anchor=(1.02, 1.05),
            frameon=False,
            fontsize=8,
            title_fontsize=8.5,
            handlelength=3,
            labelspacing=0.3,
        )
    return figure


def families(rows: Sequence[Row]) -> list[tuple[str, list[Row]]]:
    """Families in the order of their best row, without the baselines, the large ones in parts of nearly equal size."""
    groups: list[tuple[str, list[Row]]] = []
    for family in dict.fromkeys(row.family for row in rows if not row.baseline):
        members = [row for row in rows if row.family == family and not row.baseline]
        parts = -(-len(members) // _LARGEST)
        size = -(-len(members) // parts)
        groups += [(family, members[start : start + size]) for start in range(0, len(members), size)]
    return groups
