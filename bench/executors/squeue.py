"""Asking Slurm about jobs, without its accounting store."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable

# States that a job doesn't leave again. PREEMPTED is among them: a pre-empted job that is to run again is shown as PENDING,
# as Slurm puts it back in the same step.
ENDED = frozenset(
    {"BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "LAUNCH_FAILED", "NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED"}
    | {"REVOKED", "TIMEOUT"}
)


def states(ids: Iterable[str]) -> dict[str, str] | None:
    """State by job id, of "7" or the array's "7_0"; jobs that Slurm no longer knows are left out. None if it can't be asked."""
    if not (ids := list(ids)):
        return {}
    command = ["squeue", "--noheader", "--array", "--states=all", "--format=%i %T", f"--jobs={_arrays(ids)}"]
    asked = subprocess.run(command, capture_output=True, text=True, check=False)
    if asked.returncode and "Invalid job id" not in asked.stderr:
        return None
    return dict(line.split()[:2] for line in asked.stdout.splitlines() if line.strip())


def cancel(ids: Iterable[str], *options: str) -> None:
    """`scancel` of whole arrays with the options; jobs that have ended meanwhile are no error."""
    if ids := list(ids):
        subprocess.run(["scancel", *options, *_arrays(ids).split(",")], capture_output=True, check=False)


def interrupt(ids: Iterable[str]) -> None:
    """SIGINT to these jobs alone."""
    if ids := list(ids):
        subprocess.run(["scancel", "--signal=INT", *ids], capture_output=True, check=False)


def _arrays(ids: Iterable[str]) -> str:
    """The arrays that jobs are part of: few, where there may be thousands of jobs."""
    return ",".join(sorted({id.partition("_")[0] for id in ids}))
