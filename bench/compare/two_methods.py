"""Two methods of one run, example by example.

On one task each test example counts by what it was worth to either method, averaged over the seeds that both have; of one
seed that is right or wrong. The test is McNemar's, exact, on the examples on which the methods differ. Over tasks the interval
is of a paired bootstrap: the test examples of each task are drawn anew, the same for both methods, and tasks count alike. It
tells what other test examples would have given, not other supports: the leaderboard's intervals do that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.stats import binomtest

from bench.compare.changes import section_of
from bench.errors import UsageError, unknown
from bench.kinds import KINDS
from bench.report.numbers import sizes
from bench.report.numbers.section import Section
from bench.report.numbers.statistics import CONFIDENCE
from bench.store.record import Record
from bench.store.store import Store, artifact

RESAMPLES = 10_000
ANY = -1  # in place of the seed of a method that uses no support

Cells = dict[str, dict[str, dict[int, Record]]]  # task -> label -> seed -> record


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


@dataclass(frozen=True)
class TwoMethods:
    """A and B in one section and at one size of support. interval: of the mean difference A - B over tasks, 95 %."""

    section: Section
    shots: int  # as tables count them
    tasks: tuple[OnTask, ...]
    difference: float
    interval: tuple[float, float]


def two_methods(out: Path, a: str, b: str) -> list[TwoMethods]:
    """Of a results folder, by labels; for each section and size of support where both have scores of the same test examples.

    Raises UsageError for labels that the folder doesn't hold, or that share no cell whose predictions are there.
    """
    records = [record for record in Store(out).latest().values() if record.status == "ok"]
    labels = {record.cell.label for record in records}
    for label in (a, b):
        if label not in labels:
            raise unknown(f"method in {out}", label, labels)
    found: dict[tuple[Section, int], Cells] = {}
    for record in records:
        cell = record.cell
        if cell.label in (a, b):
            by_task = found.setdefault((section_of(record), sizes.number(cell)), {}).setdefault(cell.task, {})
            by_task.setdefault(cell.label, {})[cell.seed if cell.shots else ANY] = record
    result = []
    for (section, shots), tasks in sorted(found.items(), key=lambda item: (item[0][0].title, item[0][1])):
        both = {
            task: _both(out, methods[a], methods[b])
            for task, methods in sorted(_with_baselines(found, section, tasks).items())
            if {a, b} <= methods.keys()
        }
        pairs = {task: pair for task, pair in both.items() if pair is not None}
        if pairs:
            result.append(_of_section(section, shots, pairs))
    if not result:
        raise UsageError(f"{out}: {a} and {b} share no cell whose predictions are there: run both on the same tasks and shots")
    return result


def _with_baselines(found: Mapping[tuple[Section, int], Cells], section: Section, tasks: Cells) -> Cells:
    """A method that uses no support stands in every size of it."""
    fixed = found.get((section, 0), {})
    return {task: {**fixed.get(task, {}), **methods} for task, methods in tasks.items()}


def _both(out: Path, a: Mapping[int, Record], b: Mapping[int, Record]) -> Pair | None:
    """None where predictions are missing or of other examples."""
    seeds = sorted(seed for seed in {*a, *b} if all({seed, ANY} & records.keys() for records in (a, b)))
    seeds = [seed for seed in seeds if seed != ANY] or seeds
    values = [[counted(out, records.get(seed) or records[ANY]) for seed in seeds] for records in (a, b)]
    hashes = {record.data.test_hash for records in (a, b) for record in records.values() if record.data}
    found = [[one for one in side if one is not None] for side in values]
    if not seeds or len(hashes) != 1 or any(len(side) < len(seeds) for side in found):
        return None
    return Pair(tuple(seed for seed in seeds if seed != ANY), np.mean(found[0], axis=0), np.mean(found[1], axis=0))


def counted(out: Path, record: Record) -> np.ndarray | None:
    """What each test example counts [N], 0..1; None without readable predictions."""
    path = artifact(out, record, "predictions")
    if path is None or not path.is_file():
        return None
    with path.open("rb") as file, np.load(file, allow_pickle=False) as saved:
        return KINDS[record.cell.kind].counted({name: np.asarray(saved[name]) for name in saved.files})


def _of_section(section: Section, shots: int, pairs: Mapping[str, Pair]) -> TwoMethods:
    differences = [pair.a - pair.b for pair in pairs.values()]
    mean = float(np.mean([values.mean() for values in differences]))
    tasks = tuple(_on_task(task, pair) for task, pair in pairs.items())
    return TwoMethods(section, shots, tasks, mean, paired_bootstrap(differences))


def _on_task(task: str, pair: Pair) -> OnTask:
    a, b = pair.a, pair.b
    only_a, only_b = int((a > b).sum()), int((b > a).sum())
    return OnTask(task, len(a), pair.seeds, float(a.mean()), float(b.mean()), only_a, only_b, mcnemar(only_a, only_b))


def mcnemar(only_a: int, only_b: int) -> float:
    """Two-sided exact p of McNemar's test; 1 where the methods differ on no example."""
    return float(binomtest(only_a, only_a + only_b).pvalue) if only_a + only_b else 1.0


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
