"""Executors carry cells to workers and yield records; they know nothing of what a cell is about."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, Self

from bench.errors import UsageError
from bench.executors.schedule import Schedule
from bench.plan.grid import Cell
from bench.plan.settings import Settings
from bench.store.record import Record

EXECUTORS = {  # name -> where it is, imported only when it is asked for
    "local": "bench.executors.local:LocalExecutor",
    "ray": "bench.executors.ray:RayExecutor",
    "slurm": "bench.executors.slurm:SlurmExecutor",
}


@dataclass(frozen=True)
class Placement:
    """Where a grid is to run, as it was asked for; what isn't given is the executor's to choose."""

    executor: str = "local"
    workers: int | None = None
    timeout_s: float | None = None  # that a cell may take
    cpus: int | None = None  # cores of each worker
    gpus: tuple[int, ...] = ()  # of this machine
    per_gpu: int | None = None  # workers that share a GPU
    address: str | None = None  # of a Ray cluster
    slurm: tuple[str, ...] = ()  # options of sbatch, "key=value"


class Executor(Protocol):
    """Carries cells to workers. All run the same worker (`bench.cell.worker`); none touches a record."""

    takes: ClassVar[frozenset[str]]  # fields of the placement, beside those that all take

    @property
    def description(self) -> str:
        """On what cells will run: "2 workers on cpu"."""

    @classmethod
    def placed(cls, settings: Settings, placement: Placement) -> Self:
        """Raises UsageError for what can't be had. Starts nothing."""

    def run(self, schedule: Schedule, started: Callable[[Cell], None] = lambda cell: None) -> Iterator[Record]:
        """A record for each cell of the schedule as they finish, whatever happens to workers.

        It ends early once the schedule is drained and what runs has finished, or stopped; no worker outlives it.
        """


ALL_TAKE = frozenset({"executor", "workers", "timeout_s", "cpus"})


def place(settings: Settings, placement: Placement) -> Executor:
    """The executor that was asked for. Raises UsageError for one that isn't installed, or options that aren't its own."""
    module, _, name = EXECUTORS[placement.executor].partition(":")
    try:
        kind: type[Executor] = getattr(importlib.import_module(module), name)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("bench"):
            raise
        raise UsageError(
            f"--executor {placement.executor} needs {error.name}, which is not installed: "
            f"pip install 'clip-adaptation-bench[{placement.executor}]', or -e '.[{placement.executor}]' in a clone"
        ) from error
    for part in dataclasses.fields(placement):
        if part.name not in ALL_TAKE | kind.takes and getattr(placement, part.name) not in (None, ()):
            option = "--" + part.name.replace("_", "-")
            raise UsageError(f"{option} means nothing to --executor {placement.executor}: leave it out")
    return kind.placed(settings, placement)


def placed_settings(settings: Settings, placement: Placement, workers: int | None, threads: int) -> Settings:
    """With the threads of each worker, and a note of the placement for the records."""
    note: dict[str, Any] = {"executor": placement.executor, "workers": workers, "timeout_s": placement.timeout_s}
    return dataclasses.replace(settings, threads=threads, flags={**settings.flags, **note})
