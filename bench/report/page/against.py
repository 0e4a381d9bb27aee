"""What stands behind a row besides its cells: the row against the best of its table, on the same test examples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bench.report.numbers import sizes
from bench.report.numbers.by_example import ANY, Counted, mean_difference, on_task, paired
from bench.report.numbers.summary import Table
from bench.report.text import display
from bench.store.record import Record
from bench.text import plain


def against_best(table: Table, records: Mapping[str, Record], counted: Counted) -> dict[str, Any]:
    """{"shots": title, "rows": {row: [label, difference, interval, cells by task]}} at the largest shots, for the page's script.

    The best row stands against the second. Each task's cells are its number, the examples that count more for the row, for the
    other, and McNemar's p; figures are text. Empty for a board, whose scores are not of the task's own test examples.
    """
    if table.section.board:
        return {}
    tasks = {task: number for number, task in enumerate(table.tasks)}
    of_row: dict[str, dict[str, dict[int, Record]]] = {}
    for label, task, shots, seed, name in table.cells[["label", "task", "shots", "seed", "record_id"]].itertuples(index=False):
        record = records.get(name)
        if record is not None and record.status == "ok" and shots in (table.largest, 0):
            of_row.setdefault(label, {}).setdefault(task, {})[seed if shots else ANY] = record
    labels = [row.label for row in table.rows if row.scores.get(table.largest) is not None]
    rows = {}
    for position, row in enumerate(table.rows):
        other = next((label for label in labels if label != row.label), None)
        if other is None:
            continue
        mine, theirs = of_row.get(row.label, {}), of_row.get(other, {})
        both = {task: paired(mine[task], theirs[task], counted) for task in tasks if task in mine and task in theirs}
        pairs = {task: pair for task, pair in both.items() if pair is not None}
        if pairs:
            difference, (low, high) = mean_difference(list(pairs.values()))
            found = [on_task(task, pair) for task, pair in pairs.items()]
            rows[position] = [
                plain(other),
                f"{100 * difference:+.1f}",
                f"{100 * low:+.1f} to {100 * high:+.1f}",
                [[tasks[one.task], one.only_a, one.only_b, display.p_value(one.p)] for one in found],
            ]
    return {"shots": sizes.title(table.largest), "rows": rows} if rows else {}
