"""Panels whose lines are the methods, best first: one per task, the names once at the left."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bench.report.numbers.summary import Row
from bench.report.plots.canvas import shown, text_width, title_height
from bench.report.plots.scales import Scale
from bench.report.plots.sheet import Panel, Sheet

_LINE, _BELOW, _GAP = 0.19, 0.5, 0.3  # inches


def by_method(
    section: str,
    tasks: Sequence[str],
    rows: Sequence[Row],
    across: Callable[[str], Scale],
    fill: Callable[[Panel, str], None],
) -> Sheet:
    """`across` says what is across for a task, `fill` draws into its panel, where row n stands at height -n."""
    left = 0.2 + max(text_width(shown(row.label), 8) for row in rows)
    wide = max(1.8, 4.0 / len(tasks))
    width = left + (wide + _GAP) * len(tasks)
    head, high = title_height(section, width) + 0.25, _LINE * max(5, len(rows))
    sheet = Sheet(width, head + high + _BELOW, section)
    up = Scale(0.7 - max(5, len(rows)), 0.7, ticks=[(-float(number), shown(row.label)) for number, row in enumerate(rows)])
    for column, task in enumerate(tasks):
        panel = Panel(left + (wide + _GAP) * column, _BELOW, wide, high, across(task), up, title=task, beside=column == 0)
        fill(panel, task)
        sheet.panels.append(panel)
    return sheet
