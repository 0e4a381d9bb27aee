"""Slurm, through submitit: an array of jobs, each with a portion of the cells of one backbone and task.

A job runs its cells in a local worker and writes its own shard, so that it needs no driver: the driver follows the
shards and asks squeue which jobs are there (sacct may know nothing). A job that Slurm requeues goes on with what
isn't in the store. The cells that a job leaves when it ends are submitted again; the second job that ends at the
same cell makes that cell a record. Jobs that never get to a cell end the run.
"""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from submitit import SlurmExecutor as Submitter

from bench.errors import BenchError, UsageError
from bench.executors import Placement, placed_settings
from bench.executors.jobs import logs, submit
from bench.executors.lost import lost
from bench.executors.schedule import Schedule
from bench.executors.squeue import ENDED, cancel, interrupt, states
from bench.plan.grid import Cell
from bench.plan.settings import Settings
from bench.store.record import Record
from bench.store.store import cell_key

POLL_S = 2.0
MINUTES = 240  # a job may take, where --slurm time=... says nothing else
MOST_ENDS = 2  # jobs that may end at a cell
MOST_FRUITLESS = 5  # jobs that may end one after the other, each in place of the one before, without any record
GIVE_UP_S = 600.0  # for which sbatch may refuse what it accepted before


@dataclass
class _Portion:
    cells: list[Cell]
    fruitless: int = 0  # jobs that had it before and ended without a record


@dataclass
class _Job:
    id: str
    left: dict[Hashable, Cell]  # in the order in which the job takes them
    fruitless: int = 0  # jobs that it stands in for, in a row, that ended without a record
    shown: bool = False
    ran: bool = False  # it got to its cells, as far as one can see
    wrote: bool = False
    told: bool = False  # to finish, since it last began to run


class SlurmExecutor:
    """`workers` jobs at a time, each with the cores that `settings.threads` says; `parameters` are sbatch's."""

    takes: ClassVar[frozenset[str]] = frozenset({"slurm"})

    def __init__(self, settings: Settings, workers: int | None, timeout_s: float | None, parameters: Mapping[str, Any]) -> None:
        self.settings = settings
        self.workers = workers
        self.timeout_s = timeout_s
        self.parameters = parameters
        self._jobs: list[_Job] = []
        self._waiting: list[_Portion] = []  # to be submitted
        self._refused_since: float | None = None
        self._ends: Counter[Hashable] = Counter()

    @classmethod
    def placed(cls, settings: Settings, placement: Placement) -> SlurmExecutor:
        if shutil.which("sbatch") is None:
            raise UsageError("--executor slurm: no sbatch here: run it on a machine from which jobs can be submitted")
        cpus = placement.cpus or 1
        given: dict[str, Any] = {"time": MINUTES, "job_name": "bench", "cpus_per_task": cpus}
        if torch.device(settings.device).type == "cuda":
            given["gpus_per_node"] = 1
        other: dict[str, Any] = {}
        for entry in placement.slurm:
            key, equals, value = entry.partition("=")
            if not equals or not key or not value:
                raise UsageError(f"can't read --slurm {entry!r}: write key=value, as in partition=gpu")
            known = key.replace("-", "_") in Submitter._valid_parameters()
            (given if known else other)[key.replace("-", "_")] = int(value) if value.isdecimal() else value
        if not isinstance(given["time"], int):
            raise UsageError(f"--slurm time={given['time']}: give minutes, as in time=90")
        parameters = {**given, "additional_parameters": other, "srun_args": [f"--cpus-per-task={given['cpus_per_task']}"]}
        settings = placed_settings(settings, placement, placement.workers, cpus)
        return cls(settings, placement.workers, placement.timeout_s, parameters)

    @property
    def description(self) -> str:
        return f"Slurm, {self.workers} jobs at a time" if self.workers else "Slurm, a job for each task"

    def run(self, schedule: Schedule, started: Callable[[Cell], None] = lambda cell: None) -> Iterator[Record]:
        """Yield records as the jobs write them, and those of cells that jobs die of. Stopping early cancels the jobs.

        Raises UsageError for what sbatch refuses, BenchError for jobs that end without ever writing a record.
        """
        self._waiting = [_Portion(cells) for cells in schedule.portions(self.workers or 1)]
        try:
            self._submit(schedule, first=True)
            while (self._jobs or self._waiting) and not schedule.stopped:
                now = states([job.id for job in self._jobs])  # before the shards are read: a job that has ended writes no more
                if schedule.draining:
                    self._waiting.clear()
                    self._drain(now or {})
                yield from self._new(schedule, started)
                yield from self._look(now, schedule, started)
                self._submit(schedule)
                if self._jobs or self._waiting:
                    time.sleep(POLL_S)
        finally:
            cancel([job.id for job in self._jobs])

    def _submit(self, schedule: Schedule, first: bool = False) -> None:
        """Submit what waits. The first refusal is the user's to mend; later ones may pass."""
        if not self._waiting or schedule.draining:
            return
        assert schedule.follower is not None
        cells = [portion.cells for portion in self._waiting]
        parameters = {**self.parameters, "array_parallelism": self.workers or len(cells)}
        try:
            ids = submit(self.settings, cells, self.timeout_s, schedule.follower.positions, parameters)
        except BenchError as error:
            if first:
                raise
            self._refused_since = self._refused_since or time.monotonic()
            if time.monotonic() - self._refused_since > GIVE_UP_S:
                raise BenchError(
                    f"gave up after {GIVE_UP_S / 60:g} minutes; what is recorded stays, run again: {error}"
                ) from error
            return
        self._refused_since = None
        for id, portion in zip(ids, self._waiting, strict=True):
            self._jobs.append(_Job(id, {cell_key(cell.info): cell for cell in portion.cells}, portion.fruitless))
        self._waiting = []

    def _drain(self, now: Mapping[str, str]) -> None:
        """Let running jobs finish their cell, at every look: a job may come back from the queue. now: states by job id."""
        cancel([job.id for job in self._jobs], "--state=PENDING")
        running = [job for job in self._jobs if now.get(job.id) == "RUNNING"]
        interrupt([job.id for job in running if not job.told])  # once: a second one would end it at once
        for job in self._jobs:
            job.told = job in running

    def _new(self, schedule: Schedule, started: Callable[[Cell], None]) -> Iterator[Record]:
        """What the jobs, or another run, have put into the store."""
        for record in schedule.recorded():
            for job in self._jobs:
                cell = job.left.pop(cell_key(record.cell), None)
                if cell is None:
                    continue
                if not job.shown:
                    started(cell)
                yield record
                job.ran = job.wrote = True
                job.shown = bool(job.left)
                if job.left:
                    started(next(iter(job.left.values())))

    def _look(self, now: Mapping[str, str] | None, schedule: Schedule, started: Callable[[Cell], None]) -> Iterator[Record]:
        """Part with jobs that have ended; their remaining cells wait to be submitted again. now: states by job id."""
        if now is None:  # Slurm can't be asked at the moment
            return
        for job in list(self._jobs):
            state = now.get(job.id, "no longer known to Slurm")
            if state == "RUNNING":
                job.ran = True
                if not job.shown and job.left:
                    job.shown = True
                    started(next(iter(job.left.values())))
            if job.id in now and state not in ENDED:
                continue
            self._jobs.remove(job)
            if job.left and not schedule.draining:
                yield from self._end(job, state, started)

    def _end(self, job: _Job, state: str, started: Callable[[Cell], None]) -> Iterator[Record]:
        """A job ended with cells left: Slurm took its place away, its first cell ended it, or it never got to that."""
        fruitless = 0 if job.wrote or state == "PREEMPTED" else job.fruitless + 1
        told = f"the last one: {state}: see {logs(self.settings, job.id)}"
        key, cell = next(iter(job.left.items()))
        if job.ran and state != "PREEMPTED":
            self._ends[key] += 1
            if self._ends[key] == MOST_ENDS:
                if not job.shown:
                    started(cell)
                yield lost(self.settings, cell, "crashed", f"{MOST_ENDS} Slurm jobs ended at it, {told}")
                del job.left[key]
        if fruitless == MOST_FRUITLESS:
            raise BenchError(f"{fruitless} Slurm jobs in a row ended without a record, {told}")
        if job.left:
            self._waiting.append(_Portion(list(job.left.values()), fruitless))
