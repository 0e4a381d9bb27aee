"""How long a cell is likely to take, only to hand out the longest first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable
from statistics import fmean

from bench.kinds import KINDS
from bench.store.record import CellInfo, Record

# Where nothing was recorded yet: means of the reference run, seconds by family of methods on a classification.
FAMILY_S = {"zero-shot": 0.001, "head": 0.1, "prompt": 1.3, "full": 2.4}
INSIDE_S = 1.7  # any other family trains inside an encoder

# What earlier records may share with a cell, the nearest first.
LIKENESS: tuple[Callable[[CellInfo], Hashable], ...] = (
    lambda cell: (cell.label, cell.task, cell.shots),
    lambda cell: (cell.label, cell.task),
    lambda cell: (cell.label, cell.kind),
    lambda cell: (cell.family, cell.kind),
)


def _scale(cell: CellInfo) -> Hashable:
    """Cells that differ in these say nothing about each other's time."""
    return cell.fingerprint, cell.protocol, cell.recipe, cell.quick


class Durations:
    """Estimates from the records of earlier runs, where there are any of cells that are alike."""

    def __init__(self, records: Iterable[Record] = ()) -> None:
        seconds: dict[Hashable, list[float]] = defaultdict(list)
        for record in records:
            if record.status == "ok" and record.time_s is not None:
                for level, alike in enumerate(LIKENESS):
                    spent = record.time_s.fit + record.time_s.predict
                    seconds[level, _scale(record.cell), alike(record.cell)].append(spent)
        self._means = {key: fmean(values) for key, values in seconds.items()}

    def seconds(self, cell: CellInfo) -> float:
        for level, alike in enumerate(LIKENESS):
            mean = self._means.get((level, _scale(cell), alike(cell)))
            if mean is not None:
                return mean
        return FAMILY_S.get(cell.family, INSIDE_S) * KINDS[cell.kind].duration
