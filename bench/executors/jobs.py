"""A job of Slurm's: what it does, and how it is submitted, through submitit.

OUT/slurm holds submitit's pickles: only the job that they belong to reads them.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from submitit import SlurmExecutor as Submitter
from submitit.core.utils import FailedJobError, FailedSubmissionError

from bench.errors import StoreError, UsageError
from bench.executors.drive import drive
from bench.executors.local import LocalExecutor
from bench.executors.schedule import Schedule
from bench.forks import fork_from_here
from bench.plan.grid import Cell
from bench.plan.settings import Settings
from bench.store.claims import Claims
from bench.store.following import Follower, Positions
from bench.store.store import Store


def work(settings: Settings, cells: list[Cell], timeout_s: float | None, since: Positions) -> None:
    """A job's life: the process is its own, and has computed nothing yet."""
    fork_from_here("bench.cell.worker")
    take(settings, cells, timeout_s, since)


def take(settings: Settings, cells: list[Cell], timeout_s: float | None, since: Positions) -> None:
    """Run the cells that have no record in the store since `since`, in their order.

    The driver blames the first cell without a record when the job ends.
    """
    store = Store(settings.out)
    with Claims(settings.out) as claims:
        schedule = Schedule(cells, claims=claims, follower=Follower(store, since), ordered=True)
        drive(LocalExecutor(settings, 1, timeout_s), schedule, store)


def folder_of(settings: Settings) -> Path:
    return settings.out.resolve() / "slurm"


def logs(settings: Settings, job: str) -> str:
    """Where the job's reasons are."""
    return str(folder_of(settings) / f"{job}_*.err")


def submit(
    settings: Settings,
    portions: list[list[Cell]],
    timeout_s: float | None,
    since: Positions,
    parameters: Mapping[str, Any],
) -> list[str]:
    """One array with a job for each portion; their numbers. Raises UsageError for what sbatch refuses, StoreError."""
    folder = folder_of(settings)
    submitter = Submitter(folder, max_num_timeout=0)
    submitter.update_parameters(**parameters)
    count = len(portions)
    try:
        _own(folder)
        jobs = submitter.map_array(work, [settings] * count, portions, [timeout_s] * count, [since] * count)
    except OSError as error:
        raise StoreError(f"{folder}: can't write jobs here ({error.strerror}): free space, or choose another --out") from error
    except (FailedJobError, FailedSubmissionError, subprocess.SubprocessError) as error:
        raise UsageError(f"sbatch refuses: {str(error).strip().splitlines()[-1]}: see --slurm") from error
    return [job.job_id for job in jobs]


def _own(folder: Path) -> None:
    """Make it a folder that only this user can enter: jobs unpickle what is in it. Raises UsageError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if {folder.stat().st_uid, folder.lstat().st_uid} != {os.getuid()}:
        raise UsageError(f"{folder}: belongs to another user, and jobs run what is in it: choose another --out")
    folder.chmod(0o700)
