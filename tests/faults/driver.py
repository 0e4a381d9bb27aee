"""The command line in processes that start in no time: forked from a server that has imported everything once.

The workers are forked from their driver likewise. But for that, it is what a user starts.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import resource
import struct
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.context import ForkProcess, ForkServerContext, ForkServerProcess
from pathlib import Path
from typing import Any

import bench.api
import bench.executors.local
import bench.plan.registry
from bench import forks
from bench.cli import main

PRELOADED = "tests.faults.driver"
CAPABILITY_VERSION = 0x20080522  # _LINUX_CAPABILITY_VERSION_3 of linux/capability.h


def server() -> ForkServerContext:
    """The one that local workers come from, which has loaded this module, too."""
    if PRELOADED not in forks.LIBRARIES:
        forks.LIBRARIES.append(PRELOADED)
    forks.load_libraries()
    return multiprocessing.get_context("forkserver")


def obey_permissions() -> None:
    """Root becomes one whom permissions bind, as they bind everybody else: no capability is left to this process."""
    ctypes.CDLL(None).capset(struct.pack("Ii", CAPABILITY_VERSION, 0), bytes(24))


def live(arguments: tuple[str, ...], said: str, limits: Mapping[str, int], bound: bool) -> None:
    """A driver's life; what it says goes to the file `said`."""
    with open(said, "ab", buffering=0) as file:  # noqa: PTH123 - a raw file for dup2
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a worker that crashes on purpose need not leave a gigabyte
    if "files" in limits:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limits["files"], limits["files"]))
    if "memory" in limits:  # beside what the libraries have taken already
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        most = pages * resource.getpagesize() + limits["memory"]
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
    if bound:
        obey_permissions()
    sys.argv = ["bench", *arguments]
    os.environ["MPLBACKEND"] = "Agg"
    bench.executors.local.load_libraries = lambda: None  # not for these workers
    bench.executors.local.get_context = lambda method: Forking()  # type: ignore[assignment]
    main(list(arguments), prog_name="bench")


class Forking:
    """In place of the context that spawns workers: a fork that, like them, holds no end of the pipes of other workers."""

    def __init__(self) -> None:
        self._context = multiprocessing.get_context("fork")
        self._ours: list[Connection] = []

    def Pipe(self, duplex: bool = True) -> tuple[Connection, Connection]:
        ours, theirs = self._context.Pipe(duplex)
        self._ours.append(ours)
        return ours, theirs

    def Process(self, target: Callable[..., None], args: tuple[Any, ...], daemon: bool) -> ForkProcess:
        return self._context.Process(target=_alone, args=(self._ours, target, args), daemon=daemon)


def _alone(ends: list[Connection], target: Callable[..., None], args: tuple[Any, ...]) -> None:
    for end in ends:
        end.close()
    target(*args)


@dataclass
class Driver:
    """`python -m bench` with some arguments, running."""

    arguments: tuple[str, ...]
    said: Path  # the file that holds its output
    limits: Mapping[str, int] = field(default_factory=dict)  # bytes: "files" of one file, "memory" beside the libraries'
    bound: bool = False  # by permissions, even if root runs the tests
    process: ForkServerProcess = field(init=False)

    def __post_init__(self) -> None:
        self.said.parent.mkdir(parents=True, exist_ok=True)
        self.process = server().Process(target=live, args=(self.arguments, str(self.said), self.limits, self.bound))
        self.process.start()

    def wait(self, seconds: float | None = None) -> int | None:
        """The exit code, -9 where it was killed; None if it still runs after so many seconds."""
        self.process.join(seconds)
        return self.process.exitcode

    def children(self) -> list[int]:
        """Process ids of its workers, and of what else it has started."""
        try:
            return [int(word) for word in Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()]
        except FileNotFoundError:
            return []


def run(*arguments: object, said: Path, limits: Mapping[str, int] | None = None, bound: bool = False) -> tuple[int, str]:
    """Exit code and everything that was printed."""
    said.unlink(missing_ok=True)
    code = Driver(tuple(map(str, arguments)), said, limits or {}, bound).wait(600)
    assert code is not None, f"{arguments} did not end: {said.read_text()}"
    return code, said.read_text(encoding="utf-8", errors="replace")
