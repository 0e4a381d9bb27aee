"""Ray: an actor for each worker, anywhere in a cluster. The driver hands out cells one by one and writes the records.

An actor that dies, alone or with its node, costs the cell that it was at: that becomes a record. A fresh actor takes
its place as soon as the cluster has room for it; meanwhile the others go on with the remaining cells.
"""

from __future__ import annotations

import logging
import math
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # read when Ray is imported
import ray
import torch
from ray.exceptions import OutOfMemoryError, RayActorError, RayError, RayTaskError

from bench.cell.worker import Worker
from bench.errors import BenchError, UsageError
from bench.executors import Placement, placed_settings
from bench.executors.lost import lost
from bench.executors.schedule import Group, Schedule, group_of
from bench.executors.signals import handlers_kept
from bench.executors.slots import thread_limits
from bench.plan.grid import Cell
from bench.plan.settings import Settings
from bench.store.provenance import now
from bench.store.record import Record

POLL_S = 0.5
CONNECT_S = 5.0
MOST_FAILED_STARTS = 5  # in a row, before any worker is up


class _Actor:
    """A worker in a process of Ray's. Relative paths mean the same as in the driver."""

    def start(self, settings: Settings, folder: str) -> None:
        os.chdir(folder)
        self._worker = Worker(settings)

    def run(self, cell: Cell) -> Record:
        return self._worker.run(cell)


@dataclass
class _Seat:
    """One worker's place; `answer` is what its actor is at: starting, or a cell."""

    actor: Any = None
    answer: Any = None
    cell: Cell | None = None
    group: Group | None = None
    since: float = field(default_factory=time.monotonic)
    started: str = ""


class RayExecutor:
    """Runs cells on `workers` actors, by default as many as there is room for; `gpus` is the share that each one gets."""

    takes: ClassVar[frozenset[str]] = frozenset({"per_gpu", "address"})

    def __init__(
        self,
        settings: Settings,
        address: str = "auto",
        workers: int | None = None,
        timeout_s: float | None = None,
        gpus: float = 0.0,
    ) -> None:
        self.settings = settings
        self.address = address
        self.workers = workers
        self.timeout_s = timeout_s
        self.resources: dict[str, float] = {"num_cpus": settings.threads, "num_gpus": gpus}
        self._environment = {"env_vars": dict(thread_limits(settings.threads))}
        self._seats: list[_Seat] = []
        self._failed_starts = 0

    @classmethod
    def placed(cls, settings: Settings, placement: Placement) -> RayExecutor:
        on_gpu = torch.device(settings.device).type == "cuda"
        if placement.per_gpu and not on_gpu:
            raise UsageError(f"--per-gpu doesn't go with --device {settings.device}: say --device cuda")
        settings = placed_settings(settings, placement, placement.workers, placement.cpus or 1)
        gpus = 1 / (placement.per_gpu or 1) if on_gpu else 0.0
        return cls(settings, placement.address or "auto", placement.workers, placement.timeout_s, gpus)

    @property
    def description(self) -> str:
        return f"{self.workers or 'as many'} workers{'' if self.workers else ' as there is room for'} in the Ray cluster"

    def run(self, schedule: Schedule, started: Callable[[Cell], None] = lambda cell: None) -> Iterator[Record]:
        """Yield a record per cell as they finish. Stopping early ends the actors.

        Raises UsageError if there is no cluster or no room, BenchError if no worker can start or the cluster is gone.
        """
        self._connect()
        try:
            room = self._room()  # asked for in any case: an actor that fits on no node would never start
            self._seats = [_Seat() for _ in range(min(self.workers or room, len(schedule)))]
            for seat in self._seats:
                self._refill(seat)
            while not schedule.stopped and (len(schedule) or any(seat.cell for seat in self._seats)):
                yield from self._step(schedule, started)
        except RayError as error:
            raise BenchError(f"the Ray cluster is gone ({_short(error)}): what was recorded stays; run again") from error
        finally:
            with suppress(RayError):  # they end with the driver's connection at the latest
                for seat in self._seats:
                    ray.kill(seat.actor)
            ray.shutdown()

    def _connect(self) -> None:
        try:
            host, colon, port = self.address.rpartition(":")
            if colon:  # Ray itself would try for minutes
                socket.create_connection((host, int(port)), timeout=CONNECT_S).close()
            with handlers_kept():  # Ray sets its own for SIGTERM
                ray.init(address=self.address, log_to_driver=False, logging_level=logging.ERROR)
        except (OSError, ValueError, RuntimeError) as error:
            raise UsageError(
                f"no Ray cluster at --address {self.address} ({_short(error)}): start one with 'ray start --head'"
            ) from error

    def _room(self) -> int:
        """How many workers fit, node by node."""
        wanted = {"CPU": self.resources["num_cpus"], "GPU": self.resources["num_gpus"]}
        room = 0
        for node in ray.nodes():
            if node["Alive"]:
                fits = [node["Resources"].get(name, 0.0) / count for name, count in wanted.items() if count]
                room += math.floor(min(fits) + 1e-6)
        if not room:
            asked = " and ".join(f"{count:g} {name}" for name, count in wanted.items() if count)
            raise UsageError(
                f"no node of the Ray cluster has {asked} for a worker: add one, or ask for less with --cpus, --per-gpu"
            )
        return room

    def _step(self, schedule: Schedule, started: Callable[[Cell], None]) -> Iterator[Record]:
        for seat in self._seats:
            if seat.answer is None and (cell := self._hand_out(seat, schedule)):
                started(cell)
        waiting = {seat.answer: seat for seat in self._seats if seat.answer is not None}
        if not waiting:
            time.sleep(POLL_S)  # another run is at all that is left
            return
        for answer in ray.wait(list(waiting), timeout=POLL_S)[0]:
            seat = waiting[answer]
            record = self._take(seat)
            handed_out = seat.answer is None and self._hand_out(seat, schedule)
            if record is not None:
                yield record
            if handed_out:
                started(handed_out)
        for seat in self._seats:
            if seat.cell is not None and self.timeout_s is not None and time.monotonic() - seat.since > self.timeout_s:
                record = lost(self.settings, seat.cell, "timeout", f"still running after {self.timeout_s:g} s", seat.started)
                self._refill(seat)
                yield record

    def _hand_out(self, seat: _Seat, schedule: Schedule) -> Cell | None:
        taken = {other.group for other in self._seats if other is not seat and other.group is not None}
        cell = schedule.next(seat.group, taken)
        if cell is not None:
            seat.cell, seat.group, seat.since, seat.started = cell, group_of(cell), time.monotonic(), now()
            seat.answer = seat.actor.run.remote(cell)
        return cell

    def _take(self, seat: _Seat) -> Record | None:
        """What the actor answered; None if it has come up, or died on the way."""
        answer, cell = seat.answer, seat.cell
        seat.answer = seat.cell = None
        try:
            record: Record | None = ray.get(answer)
            self._failed_starts = 0
            return record
        except RayTaskError as error:
            if cell is None:
                raise BenchError(
                    f"a Ray worker can't start: {_short(error.cause)}: see that every node has this program, "
                    f"its packages, and the folder {Path.cwd()}"
                ) from error
            return lost(self.settings, cell, "crashed", f"Ray: {_short(error.cause)}", seat.started)
        except (RayActorError, OutOfMemoryError) as error:  # Ray kills workers, too, when a node's memory runs out
            self._refill(seat)
            if cell is not None:
                return lost(self.settings, cell, "crashed", f"the worker is gone: {_short(error)}", seat.started)
            self._failed_starts += 1
            if self._failed_starts == MOST_FAILED_STARTS:
                raise BenchError(f"Ray workers die while they start: {_short(error)}: see Ray's logs") from error
            return None

    def _refill(self, seat: _Seat) -> None:
        """A fresh actor for the seat; it waits for room if its node was lost. The old one may only be out of reach."""
        if seat.actor is not None:
            ray.kill(seat.actor)
        seat.actor = ray.remote(_Actor).options(**self.resources, runtime_env=self._environment).remote()
        seat.answer, seat.cell = seat.actor.start.remote(self.settings, str(Path.cwd())), None


def _short(error: BaseException) -> str:
    """The sentences of a message without its table of ids."""
    lines = [line.strip() for line in str(error).splitlines()]
    return " ".join(
        line for line in lines if line and not line.startswith(("class_name:", "actor_id:", "pid:", "namespace:", "ip:"))
    )[:500]
