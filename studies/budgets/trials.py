"""Trying a method at a rate and a length on the development tasks, in processes of one thread each."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from bench.backbone import load
from bench.cell.worker import Worker
from bench.kinds import KINDS
from bench.plan.budget import Terms
from bench.plan.grid import Cell, Request, expand
from bench.plan.settings import Settings
from bench.spec import Named
from bench.store.record import Record
from studies.budgets.climb import Point, choose
from tasks.development import TASKS

SHOTS = {"classification": (1, 16), "pair": (16,), "retrieval": (16,)}  # of one shot of the others little is learnt
PAIRS = (256, 1024)  # on towers that have never met
SEED = 11
MEANINGFUL = ("sketches", "textures", "digits")  # the bundled classifications whose names the backbone may know
LONGER = 4.0


@dataclass(frozen=True)
class Job:
    """One method on one kind of task."""

    method: str
    kind: str
    backbone: str = "bundled"
    precision: str = "fp32"


@dataclass(frozen=True)
class Found:
    """What was tried for it, and which point is taken."""

    job: Job
    taken: Point
    tried: tuple[Point, ...]


@dataclass(frozen=True)
class Arrival:
    """A method's mean accuracy under the bundled budget and with four times its steps."""

    method: str
    budget: float
    longer: float


class Trier:
    """Runs cells in this process, one after another."""

    def __init__(self, bank: Path) -> None:
        self.worker = Worker(Settings(bank, bank))

    def records(self, job: Job, tasks: Iterable[str], shots: Iterable[int], seeds: Iterable[int], terms: Terms) -> list[Record]:
        """Of the method on the tasks under the terms."""
        backbone = load(job.backbone)
        request = Request(
            (Named(job.method),),
            tuple(tasks),
            tuple(shots),
            tuple(seeds),
            job.backbone,
            precision=job.precision,
            recipe=str(terms),
        )
        cells: list[Cell] = expand(request, self.worker.registry, backbone.fingerprint, aligned=backbone.aligned)
        return [self.worker.run(cell) for cell in cells]

    def find(self, job: Job) -> Found | None:
        """The choice for a job; None for a method that trains nothing there."""
        aligned = load(job.backbone).aligned
        tasks = [task if aligned else task.for_alignment() for task in TASKS if task.kind == job.kind]
        names, shots = [task.name for task in tasks], SHOTS[job.kind] if aligned else PAIRS
        budget = tasks[0].budget
        assert budget is not None, "a bundled task has one"
        cap = budget.steps(self.worker.registry.methods[job.method].family)
        first = self.records(job, names, shots, (SEED,), Terms(steps=cap))
        asked = max((record.training.asked_steps for record in first if record.training), default=0)
        if not asked:
            return None
        known = {(1.0, 1.0): mean_score(first)}

        def score(rate: float, length: float) -> float:
            if (rate, length) not in known:
                terms = Terms(steps=cap, rate=rate, length=length)
                known[rate, length] = mean_score(self.records(job, names, shots, (SEED,), terms))
            return known[rate, length]

        taken, tried = choose(score, float(f"{cap / asked:.2g}"))
        return Found(job, taken, tuple(tried))

    def arrive(self, method: str, seeds: Iterable[int], backbone: str, precision: str) -> Arrival | None:
        """Whether it has arrived at the most shots; None for a method that trains nothing there."""
        job = Job(method, "classification", backbone, precision)
        budget, longer = (self.records(job, MEANINGFUL, (16,), seeds, terms) for terms in (Terms(), Terms(length=LONGER)))
        if not any(record.training and record.training.asked_steps for record in budget):
            return None
        return Arrival(method, mean_score(budget), mean_score(longer))


_trier: list[Trier] = []  # of a process of the pool


def _start(bank: Path) -> None:
    _trier.append(Trier(bank))


def _call(what: str, arguments: tuple[Any, ...]) -> Any:
    return getattr(_trier[0], what)(*arguments)


def in_processes(what: str, jobs: Iterable[tuple[Any, ...]], workers: int) -> Iterator[Any]:
    """What a `Trier` finds for each of the jobs, as it comes, without those where nothing is trained."""
    with tempfile.TemporaryDirectory() as folder:
        pool = ProcessPoolExecutor(workers, get_context("spawn"), _start, (Path(folder),))
        with pool:
            for future in as_completed([pool.submit(_call, what, job) for job in jobs]):
                if (found := future.result()) is not None:
                    yield found


def mean_score(records: list[Record]) -> float:
    """Mean of the headline metrics; 0 for a cell that diverged. Raises RuntimeError for one that failed otherwise."""
    for record in records:
        if record.status not in ("ok", "diverged"):
            raise RuntimeError(f"{record.cell.label} on {record.cell.task}: {record.status}: {record.error}")
    return sum(headline(record) for record in records) / len(records)


def headline(record: Record) -> float:
    return record.metrics[KINDS[record.cell.kind].headline].value if record.status == "ok" else 0.0
