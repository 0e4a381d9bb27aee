"""Support sizes as tables count them: one whole number for either way of counting, so that they sort, group and compare.

k examples per class stand as k. n examples in all stand as BY_COUNT + n, after every number of shots; where a person or
a program reads them they are "n = 500" and, as typed on the command line, "n=500".
"""

from __future__ import annotations

from bench.store.record import CellInfo

BY_COUNT = 2**40


def number(cell: CellInfo) -> int:
    """The cell's support size as a table's number."""
    return BY_COUNT + cell.shots if cell.by_count else cell.shots


def title(size: int) -> str:
    """ "no shots", "1 shot", "4 shots", "n = 500"."""
    if size >= BY_COUNT:
        return f"n = {size - BY_COUNT}"
    return "no shots" if size == 0 else f"{size} shot{'s' if size > 1 else ''}"


def typed(size: int) -> int | str:
    """4, or "n=500"."""
    return f"n={size - BY_COUNT}" if size >= BY_COUNT else size
