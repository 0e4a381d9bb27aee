"""Slurm, through submitit: an array of jobs, each with a portion of the cells of one backbone and task.

A job runs its cells in a local worker and writes its own shard, so that it needs no driver: the driver follows the
shards and asks squeue which jobs are there (sacct may know nothing). A job that Slurm requeues goes on with what
isn't in the store. The cells that a job leaves when it ends are submitted again; the second job that ends at the
same cell makes that cell a record.

OUT/slurm holds submitit's pickles: only the job that they belong to reads them.
"""

from __future__ import annotations

import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from submitit import SlurmExecutor as Submitter
from submitit.core.utils import FailedJobError, FailedSubmissionError

from bench.claims import Claims
from bench.errors import StoreError, UsageError
from bench.executors import Placement, placed_settings
from bench.executors.drive import drive
from bench.executors.local import LocalExecutor
from bench.executors.lost import lost
from bench.executors.schedule import Schedule
from bench.executors.squeue import ENDED, cancel, states
from bench.following import Follower, Positions
from bench.grid import Cell
from bench.record import Record
from bench.store import Store, cell_key
from bench.worker import Settings

POLL_S = 2.0
MINUTES = 240  # a job may take, where --slurm time=... says nothing else
MOST_ENDS = 2  # jobs that may end at a cell


def work(settings: Settings, cells: list[Cell], timeout_s: float | None, since: Positions) -> None:
    """A job's life: run the cells that have no record in the store since `since`, in their order.

    The driver blames the first cell without a record when the job ends.
    """
    store = Store(settings.out)
    with Claims(settings.out) as claims:
        schedule = Schedule(cells, claims=claims, follower=Follower(store, since), ordered=True)
        drive(LocalExecutor(settings, 1, timeout_s), schedule, store)


@dataclass
class _Job:
    id: str
    left: dict[Hashable, Cell]  # in the order in which the job takes them
    shown: bool = False


class SlurmExecutor:
    """`workers` jobs at a time, each with the cores that `settings.threads` says; `parameters` are sbatch's."""

    takes: ClassVar[frozenset[str]] = frozenset({"slurm"})

    def __init__(self, settings: Settings, workers: int | None, timeout_s: float | None, parameters: Mapping[str, Any]) -> None:
        self.settings = settings
        self.workers = workers
        self.timeout_s = timeout_s
        self.parameters = parameters
        self._jobs: list[_Job] = []
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

        Raises UsageError for what sbatch refuses.
        """
        portions = schedule.portions(self.workers or 1)
        told = False
        try:
            self._submit(portions, schedule)
            while self._jobs and not schedule.stopped:
                if schedule.draining and not told:
                    told = True
                    cancel([job.id for job in self._jobs], "--state=PENDING")
                    cancel([job.id for job in self._jobs], "--signal=INT")
                now = states([job.id for job in self._jobs])  # before the shards are read: a job that has ended writes no more
                yield from self._new(schedule, started)
                yield from self._look(now, schedule, started)
                if self._jobs:
                    time.sleep(POLL_S)
        finally:
            if self._jobs:
                cancel([job.id for job in self._jobs])

    def _submit(self, portions: list[list[Cell]], schedule: Schedule) -> None:
        assert schedule.follower is not None
        folder = self.settings.out.resolve() / "slurm"
        submitter = Submitter(folder, max_num_timeout=0)
        submitter.update_parameters(**self.parameters, array_parallelism=self.workers or len(portions))
        arguments: list[list[Any]] = [
            [self.settings] * len(portions),
            portions,
            [self.timeout_s] * len(portions),
            [schedule.follower.positions] * len(portions),
        ]
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            jobs = submitter.map_array(work, *arguments)
        except OSError as error:
            raise StoreError(
                f"{folder}: can't write jobs here ({error.strerror}): free space, or choose another --out"
            ) from error
        except (FailedJobError, FailedSubmissionError, subprocess.SubprocessError) as error:
            raise UsageError(f"sbatch refuses: {str(error).strip().splitlines()[-1]}: see --slurm") from error
        self._jobs += [
            _Job(job.job_id, {cell_key(cell.info): cell for cell in cells}) for job, cells in zip(jobs, portions, strict=True)
        ]

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
                job.shown = bool(job.left)
                if job.left:
                    started(next(iter(job.left.values())))

    def _look(self, now: Mapping[str, str] | None, schedule: Schedule, started: Callable[[Cell], None]) -> Iterator[Record]:
        """Part with jobs that have ended; their remaining cells are submitted again. now: states by job id."""
        if now is None:  # Slurm can't be asked at the moment
            return
        portions = []
        for job in list(self._jobs):
            state = now.get(job.id, "no longer known to Slurm")
            if state == "RUNNING" and not job.shown and job.left:
                job.shown = True
                started(next(iter(job.left.values())))
            if job.id in now and state not in ENDED:
                continue
            self._jobs.remove(job)
            if job.left and not schedule.draining:
                key, cell = next(iter(job.left.items()))
                self._ends[key] += 1
                if self._ends[key] == MOST_ENDS:
                    if not job.shown:
                        started(cell)
                    yield lost(self.settings, cell, "crashed", f"{MOST_ENDS} Slurm jobs ended at it, the last one: {state}")
                    del job.left[key]
                portions.append(list(job.left.values()))
        portions = [portion for portion in portions if portion]
        if portions:
            self._submit(portions, schedule)
