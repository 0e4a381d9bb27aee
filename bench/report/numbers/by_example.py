"""Two methods on the same test examples of a task.

Each test example counts by what it was worth to either method, averaged over the seeds that both have; of one seed that is
right or wrong. The test is McNemar's (1947), exact, on the examples on which the methods differ. Over tasks the interval is of
a paired bootstrap: the test examples of each task are drawn anew, the same for both methods, and tasks count alike. It tells
what other test examples would have given, not other supports: the leaderboard's intervals do that.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.special import bdtr

from bench.errors import StoreError
from bench.kinds import KINDS
from bench.report.numbers.statistics import CONFIDENCE
from bench.store.record import Record
from bench.store.store import artifact

RESAMPLES = 10_000
ANY = -1  # in place of the seed of a method that uses no support

Counted = Callable[[Record], np.ndarray | None]  # what each test example counts [N], 0..1; None if that isn't known


class Pair(NamedTuple):
    """The seeds, and what each test example counts [N] for either method, as a mean over them."""

    seeds: tuple[int, ...]
    a: np.ndarray
    b: np.ndarray


@dataclass(frozen=True)
class OnTask:
    """Both methods on the test examples of one task. Means are of what examples count, 0..1."""

    task: str
    examples: int
    seeds: tuple[int, ...]
    a: float
    b: float
    only_a: int  # examples that count more for A
    only_b: int
    p: float  # McNemar's, exact, two-sided


def counted_in(out: Path) -> Counted:
    """By the predictions that lie in a results folder, each file read once; None where they aren't there or can't be read."""

    @cache
    def read(path: Path, kind: str) -> np.ndarray | None:
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as saved:
                return KINDS[kind].counted({name: np.asarray(saved[name]) for name in saved.files})
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None

    def counted(record: Record) -> np.ndarray | None:
        try:
            path = artifact(out, record, "predictions")
        except StoreError:  # a name that leads out of the folder
            return None
        return None if path is None else read(path, record.cell.kind)

    return counted


def paired(a: Mapping[int, Record], b: Mapping[int, Record], counted: Counted) -> Pair | None:
    """Records of two methods on one task by seed, `ANY` for one without a support, which goes with each seed of the other.

    None where predictions are missing or of other examples.
    """
    seeds = sorted(seed for seed in {*a, *b} if all({seed, ANY} & records.keys() for records in (a, b)))
    seeds = [seed for seed in seeds if seed != ANY] or seeds
    values = [[counted(records.get(seed) or records[ANY]) for seed in seeds] for records in (a, b)]
    hashes = {record.data.test_hash for records in (a, b) for record in records.values() if record.data}
    found = [[one for one in side if one is not None] for side in values]
    if not seeds or len(hashes) != 1 or any(len(side) < len(seeds) for side in found):
        return None
    return Pair(tuple(seed for seed in seeds if seed != ANY), np.mean(found[0], axis=0), np.mean(found[1], axis=0))


def on_task(task: str, pair: Pair) -> OnTask:
    a, b = pair.a, pair.b
    only_a, only_b = int((a > b).sum()), int((b > a).sum())
    return OnTask(task, len(a), pair.seeds, float(a.mean()), float(b.mean()), only_a, only_b, mcnemar(only_a, only_b))


def mean_difference(pairs: Sequence[Pair]) -> tuple[float, tuple[float, float]]:
    """A - B, mean over tasks, and its 95 % interval."""
    differences = [pair.a - pair.b for pair in pairs]
    return float(np.mean([values.mean() for values in differences])), paired_bootstrap(differences)


def mcnemar(only_a: int, only_b: int) -> float:
    """Two-sided exact p of McNemar's test: twice a fair coin's lesser tail; 1 where the methods differ on no example."""
    return min(1.0, 2 * float(bdtr(min(only_a, only_b), only_a + only_b, 0.5)))


def paired_bootstrap(differences: Sequence[np.ndarray], resamples: int = RESAMPLES) -> tuple[float, float]:
    """The 95 % percentile interval of the mean over tasks of mean differences, each task's examples drawn with replacement.

    differences: of each task [N]. The same differences give the same interval.
    """
    random = np.random.default_rng(0)
    means = np.zeros(resamples)
    for values in differences:
        different, counts = np.unique(values, return_counts=True)  # a handful: examples of one difference are alike
        drawn = random.multinomial(len(values), counts / len(values), size=resamples)
        means += drawn @ different / len(values)
    low, high = np.quantile(means / len(differences), [0.5 - CONFIDENCE / 2, 0.5 + CONFIDENCE / 2])
    return float(low), float(high)
