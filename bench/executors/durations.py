"""How long a cell is likely to take: for handing out the longest first, and for the time that is left."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable
from statistics import fmean

from bench.kinds import KINDS
from bench.store.record import CellInfo, Record

# Where nothing was recorded yet: means of the reference run, seconds by family of methods on a classification at 16 shots,
# and the power of the shots that they grow with up to there.
FAMILY_S = {"zero-shot": (0.001, 0.0), "head": (0.12, 0.2), "prompt": (2.1, 0.4), "full": (2.9, 0.14)}
INSIDE_S = (2.3, 0.16)  # any other family trains inside an encoder

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

    def recorded(self, cell: CellInfo) -> float | None:
        """The mean of the most alike that were recorded; None if there are none."""
        found = ((level, _scale(cell), alike(cell)) for level, alike in enumerate(LIKENESS))
        return next((self._means[key] for key in found if key in self._means), None)

    def seconds(self, cell: CellInfo) -> float:
        return usual(cell) if (mean := self.recorded(cell)) is None else mean


def usual(cell: CellInfo) -> float:
    """Seconds of a cell of its family in the reference run."""
    most, power = FAMILY_S.get(cell.family, INSIDE_S)
    return most * (min(max(cell.shots, 1), 16) / 16) ** power * KINDS[cell.kind].duration
