"""Who takes part: a method with its parameters on a backbone, and what it scored on the folds so far."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from bench.advise.limits import Costs, Limits
from bench.kinds import KINDS
from bench.plan.grid import Cell
from bench.spec import Named
from bench.store.record import Record
from bench.store.store import artifact
from methods.contract.declared import UNTRAINED
from tasks.base import Split, Task


@dataclass(frozen=True)
class Held:
    """What the images of a fold count in the headline metric: the metric is the sum of `worth` over the sum of `entries`."""

    images: tuple[str, ...]
    worth: np.ndarray  # [I] float64, summed over the entries of an image
    entries: np.ndarray  # [I] int64: 1, or rows of the image; retrieval: itself as a query, and its captions


def held(record: Record, test: Split, out: Path) -> Held:
    """Of a record of a fold, from the predictions that it keeps in the results folder `out`. Raises OSError, StoreError."""
    kind = KINDS[record.cell.kind]
    path = artifact(out, record, "predictions")
    if path is None:
        raise FileNotFoundError(f"record {record.record_id} keeps no predictions")
    with np.load(path, allow_pickle=False) as arrays:
        counted = kind.counted(dict(arrays))
    rows = range(len(test))
    queries = [*rows] if kind.has_classes else [*kind.scored_images(test, rows), *rows]
    if len(counted) == len(queries):
        names = [test.ids[row] for row in queries]
    else:  # unreadable images were left out, the same for every method
        names = [f"{record.cell.task} {place}" for place in range(len(counted))]
    images, place = np.unique(names, return_inverse=True)
    return Held(tuple(images.tolist()), np.bincount(place, counted), np.bincount(place))


@dataclass(eq=False)
class Entrant:
    """One that may be recommended."""

    backbone: str
    named: Named
    cells: Mapping[int, Cell]  # by the number of the fold
    views: int = 0  # augmented views of each image that it asks for
    records: dict[int, Record] = field(default_factory=dict)  # by fold, those that gave a score
    held: dict[int, Held] = field(default_factory=dict)  # by fold
    reason: str = ""  # why it is out of the running; "": it isn't
    figure: str = ""  # that goes with the reason
    late: bool = False  # there was no time for its first fold when its turn came
    parameters: int | None = None  # that train, if known before a fit
    frozen_share: float | None = None  # of the image tower, if known
    image_s: float = 0.0  # of one image through the whole image tower
    parent: Entrant | None = None  # of a variant: what it is one of

    @cached_property
    def label(self) -> str:
        return next(iter(self.cells.values())).info.label

    @property
    def family(self) -> str:
        return next(iter(self.cells.values())).info.family

    @property
    def learns(self) -> bool:
        """Whether labelled examples change it."""
        return self.family != UNTRAINED

    def take(self, number: int, record: Record, found: Held) -> None:
        self.records[number], self.held[number] = record, found

    def score(self, folds: Sequence[int]) -> float:
        """Headline metric over the held-out images of these folds, of which it lacks none, 0..1."""
        worth, entries = (sum(getattr(self.held[fold], name).sum() for fold in folds) for name in ("worth", "entries"))
        return float(worth / entries)

    def rank(self, folds: Sequence[int]) -> tuple[float, float, float, str]:
        """What the better of two has more of: score, then less log loss, then fewer parameters that train."""
        metrics = [self.records[fold].metrics for fold in folds]
        losses = [each["log_loss"].value for each in metrics if "log_loss" in each]
        loss = sum(losses) / len(losses) if losses else 0.0
        return round(self.score(folds), 9), -loss, -float(self.costs.parameters or 0), self.label

    def keep_to(self, limits: Limits) -> None:
        """Out of the running it goes if what it costs is over a limit."""
        if not self.reason and (broken := limits.broken_by(self.costs)) is not None:
            self.reason, self.figure = broken

    @property
    def tested(self) -> int:
        """Images that it was scored on."""
        return sum(len(each.images) for each in self.held.values())

    @property
    def costs(self) -> Costs:
        """Peak memory and time per image as measured, on the fold where they were largest, and smallest."""
        trained = [record.parameters.trainable for record in self.records.values() if record.parameters is not None]
        peaks = [r.memory_bytes.total for r in self.records.values() if r.memory_bytes and r.memory_bytes.total is not None]
        own = [
            record.time_s.predict / record.data.n_test
            for record in self.records.values()
            if record.time_s is not None and record.data is not None and record.data.n_test
        ]
        frozen = None if self.frozen_share is None else self.image_s * self.frozen_share
        return Costs(
            max(trained) if trained else self.parameters,
            max(peaks, default=None),
            None if frozen is None else 1000 * (frozen + min(own, default=0.0)),
        )

    @property
    def fit_seconds(self) -> float | None:
        """Stand-alone, the frozen work included: the mean over folds."""
        taken = [record.time_s.bank + record.time_s.fit for record in self.records.values() if record.time_s is not None]
        return sum(taken) / len(taken) if taken else None


def better(entrants: Iterable[Entrant], folds: Sequence[int]) -> list[Entrant]:
    """Those that are in the running and were tried on all of these folds, of which there are some, the best first."""
    there = (one for one in entrants if not one.reason and one.held.keys() >= set(folds))
    return sorted(there, key=lambda one: one.rank(folds), reverse=True) if folds else []


def distinct(entrants: Iterable[Entrant]) -> list[Entrant]:
    """The first of each method and backbone: it stands for those with other values of their parameters."""
    first: dict[tuple[str, str], Entrant] = {}
    for one in entrants:
        first.setdefault((one.backbone, one.named.name), one)
    return list(first.values())


@dataclass(frozen=True)
class Fold:
    """A fold as the search knows it."""

    number: int
    source: str
    task: Task


def by_key(entrants: Iterable[Entrant]) -> dict[Hashable, tuple[Entrant, int]]:
    """Which entrant and which fold a cell belongs to."""
    return {cell.key: (one, number) for one in entrants for number, cell in one.cells.items()}
