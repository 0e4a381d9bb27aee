"""Panels by family and task: a line of them per family, so that fifty methods can be told apart."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bench.report.numbers.summary import Row
from bench.report.plots.canvas import legend_width, title_height
from bench.report.plots.scales import Scale
from bench.report.plots.sheet import LINE, Panel, Sheet

COLUMNS = 4  # tasks beside each other
_LARGEST = 9  # methods in one panel; a larger family takes several lines of panels
LEFT, GAP, BELOW, BETWEEN = 0.72, 0.42, 0.5, 0.2  # inches: beside the first panel, between them, under the last, between lines


def by_family(
    section: str,
    tasks: Sequence[str],
    rows: Sequence[Row],
    scales: Callable[[str], tuple[Scale, Scale]],
    fill: Callable[[Panel, str, list[Row]], None],
) -> Sheet:
    """`scales` says what is across and up for a task, `fill` draws the baselines and a family's members into a panel.

    The legend of each family stands beside its line. `section`: the title.
    """
    baselines = [row for row in rows if row.baseline]
    groups = families(rows) or [("", [])]
    wide, high = (2.1, 1.75) if len(tasks) > 1 else (4.4, 1.75)
    high = max(high, LINE * (1 + len(baselines) + max(len(members) for _, members in groups)))
    room = legend_width([*(row.label for row in rows), *(family for family, _ in groups)])
    width = LEFT + (wide + GAP) * len(tasks) - GAP + 0.15 + room
    head = title_height(section, width - room) + 0.25
    sheet = Sheet(width, head + (high + BETWEEN) * len(groups) - BETWEEN + BELOW, section, room=room)
    found = {task: scales(task) for task in tasks}
    for number, (family, members) in enumerate(groups):
        bottom = sheet.height - head - high - (high + BETWEEN) * number
        for column, task in enumerate(tasks):
            left, last = LEFT + (wide + GAP) * column, number == len(groups) - 1
            panel = Panel(left, bottom, wide, high, *found[task], title="" if number else task, below=last)
            fill(panel, task, [*baselines, *members])
            sheet.panels.append(panel)
        beside = [(row.label, row.baseline) for row in (*members, *baselines)]
        sheet.legend(width - room, bottom + high, beside, family)
    return sheet


def families(rows: Sequence[Row]) -> list[tuple[str, list[Row]]]:
    """Families in the order of their best row, without the baselines, the large ones in parts of nearly equal size."""
    groups: list[tuple[str, list[Row]]] = []
    for family in dict.fromkeys(row.family for row in rows if not row.baseline):
        members = [row for row in rows if row.family == family and not row.baseline]
        parts = -(-len(members) // _LARGEST)
        size = -(-len(members) // parts)
        groups += [(family, members[start : start + size]) for start in range(0, len(members), size)]
    return groups
