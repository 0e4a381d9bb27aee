"""Local worker processes, each with its share of the cores or with a GPU of its own.

A worker gets one cell at a time, so that when it dies it is plain which cell it died of. The parent survives every
death of a worker, records it, and starts a fresh one in its place.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, ClassVar

from threadpoolctl import threadpool_limits

from bench.cell.worker import Worker
from bench.errors import BenchError, UsageError
from bench.executors import Placement, placed_settings
from bench.executors.log import Log, keep_log, print_into
from bench.executors.lost import lost
from bench.executors.schedule import Group, Schedule, group_of
from bench.executors.slots import Slot, cores, default_workers, gpu_slots, thread_limits
from bench.forks import START, STOPPING, load_libraries
from bench.plan.grid import Cell
from bench.plan.settings import Settings
from bench.store.provenance import now
from bench.store.record import Record

POLL_S = 0.5  # how often the parent looks at time limits, at being stopped, and at cells of other runs
MOST_FAILED_STARTS = 5  # in a row
Life = Callable[[Settings, Connection, Connection], None]


@dataclass
class _Process:
    process: BaseProcess
    pipe: Connection
    slot: Slot
    log: Log
    cell: Cell | None = None
    group: Group | None = None
    since: float = field(default_factory=time.monotonic)
    started: str = ""
    ready: bool = False


def _in_slot(slot: Slot, live: Life, settings: Settings, pipe: Connection, log: Connection) -> None:
    """A life in a slot."""
    os.environ.update(slot)  # a GPU's mask is read when the first asks for a GPU
    threadpool_limits(settings.threads)  # the libraries read the slot's limits when they are loaded, which they may be
    live(settings, pipe, log)


def _serve(settings: Settings, pipe: Connection, log: Connection) -> None:
    """A worker's life: None when it is ready, then records for cells until the parent closes the pipe."""
    for number in STOPPING:  # the parent's business: it decides what happens to the running cell
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    print_into(log)
    worker = Worker(settings)
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        pipe.send(None)
        while True:
            pipe.send(worker.run(pipe.recv()))


def _end_with_parent() -> None:
    """End this process when its parent is gone, however it went: nobody would take the record of the running cell."""
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


@contextlib.contextmanager
def _birth(slot: Slot) -> Iterator[None]:
    """What a worker inherits: its slot's environment before any library is loaded, and signals held back until it is up."""
    before = {name: os.environ.get(name) for name in slot}
    held = signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
    os.environ.update(slot)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
        signal.pthread_sigmask(signal.SIG_SETMASK, held)


def _name(number: int) -> str:
    """Of a signal; most real-time signals have none."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


class LocalExecutor:
    """Runs cells in `workers` processes, or in one for each of `slots`; `timeout_s` ends a cell that takes longer."""

    takes: ClassVar[frozenset[str]] = frozenset({"gpus", "per_gpu"})

    def __init__(self, settings: Settings, workers: int = 1, timeout_s: float | None = None, slots: Sequence[Slot] = ()) -> None:
        self.settings = settings
        self.timeout_s = timeout_s
        limits = thread_limits(settings.threads)
        self.slots: list[Slot] = [{**limits, **slot} for slot in slots or [{}] * workers]
        self._context: Any = get_context(START)
        self._processes: list[_Process] = []
        self._failed_starts = 0

    @classmethod
    def placed(cls, settings: Settings, placement: Placement) -> LocalExecutor:
        slots: list[Slot] = []
        if placement.gpus:
            slots = gpu_slots(placement.gpus, placement.per_gpu or 1)
            if settings.device != "cuda":
                raise UsageError(f"--gpus doesn't go with --device {settings.device}: leave out --device, or say --device cuda")
            if placement.workers not in (None, len(slots)):
                raise UsageError(
                    f"--workers {placement.workers}: --gpus and --per-gpu make {len(slots)} workers: leave out --workers"
                )
        elif placement.per_gpu:
            raise UsageError("--per-gpu needs --gpus: say which, as in --gpus 0,1")
        workers = len(slots) or placement.workers or default_workers(settings.device)
        threads = placement.cpus or max(1, cores() // workers)
        return cls(placed_settings(settings, placement, workers, threads), workers, placement.timeout_s, slots)

    @property
    def description(self) -> str:
        count = len(self.slots)
        return f"{count} {'worker' if count == 1 else 'workers'} on {self.settings.device}"

    def run(self, schedule: Schedule, started: Callable[[Cell], None] = lambda cell: None) -> Iterator[Record]:
        """Yield a record per cell as they finish. Stopping early ends the workers."""
        try:
            for slot in self.slots[: len(schedule)]:
                self._processes.append(self._start(slot))
            while not schedule.stopped:
                for process in self._processes:
                    if process.cell is None and (cell := self._hand_out(process, schedule)):
                        started(cell)
                busy = [process for process in self._processes if process.cell is not None]
                if busy:
                    yield from self._step(busy, schedule, started)
                elif len(schedule):
                    time.sleep(POLL_S)  # another run is at all that is left
                else:
                    break
        finally:
            self._stop()

    def _start(self, slot: Slot) -> _Process:
        ours, theirs = self._context.Pipe()
        said, log = self._context.Pipe(duplex=False)
        process = self._context.Process(target=_in_slot, args=(slot, _serve, self.settings, theirs, log), daemon=True)
        load_libraries()
        with _birth(slot):
            process.start()
        theirs.close()
        log.close()
        kept = keep_log(said, self.settings.out / "logs" / f"worker-{uuid.uuid4().hex[:8]}.log")
        return _Process(process, ours, slot, kept)

    def _hand_out(self, process: _Process, schedule: Schedule) -> Cell | None:
        """Give the process its next cell, from its own group while that has any."""
        taken = {other.group for other in self._processes if other is not process and other.group is not None}
        cell = schedule.next(process.group, taken)
        if cell is not None:
            self._give(process, cell)
        return cell

    def _give(self, process: _Process, cell: Cell) -> None:
        process.cell, process.group = cell, group_of(cell)
        process.since, process.started = time.monotonic(), now()
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # a death shows when the pipe is read
            process.pipe.send(cell)

    def _step(self, busy: list[_Process], schedule: Schedule, started: Callable[[Cell], None]) -> Iterator[Record]:
        ready = wait([process.pipe for process in busy], timeout=POLL_S)
        for process in busy:
            record: Record | None = None
            if process.pipe in ready:
                try:
                    record = process.pipe.recv()
                except (EOFError, OSError):  # it may have died in the middle of a message
                    record = self._death(process)
                    if not process.ready:
                        self._start_again(process, record)
                        continue
                if record is None:  # ready only now: starting up isn't the cell's time
                    process.ready, process.since = True, time.monotonic()
                    self._failed_starts = 0
            elif process.ready and self._overdue(process, schedule):
                process.process.kill()
                record = self._timeout(process)
            if record is None:
                continue
            process.cell = None
            if record.status in ("timeout", "crashed"):
                process.process.join()
                process = self._replace(process)
            handed_out = self._hand_out(process, schedule)  # before the record is written, so that nobody waits for the disk
            yield record
            if handed_out:
                started(handed_out)

    def _replace(self, process: _Process) -> _Process:
        """A fresh worker in the place of one that is gone."""
        fresh = self._start(process.slot)
        fresh.group = process.group
        self._processes[self._processes.index(process)] = fresh
        return fresh

    def _start_again(self, process: _Process, death: Record) -> None:
        """It died before it looked at its cell, which a fresh worker gets. Raises BenchError if none ever comes up."""
        self._failed_starts += 1
        if self._failed_starts == MOST_FAILED_STARTS:
            assert death.error is not None
            raise BenchError(f"{self._failed_starts} workers in a row died while they started: {death.error.message}")
        assert process.cell is not None
        self._give(self._replace(process), process.cell)

    def _overdue(self, process: _Process, schedule: Schedule) -> bool:
        assert process.cell is not None
        seconds = time.monotonic() - process.since
        return (self.timeout_s is not None and seconds > self.timeout_s) or schedule.overdue(process.cell, seconds)

    def _timeout(self, process: _Process) -> Record:
        assert process.cell is not None
        seconds = time.monotonic() - process.since
        return lost(self.settings, process.cell, "timeout", f"still running after {seconds:.3g} s", process.started)

    def _death(self, process: _Process) -> Record:
        assert process.cell is not None
        process.process.join()
        code = process.process.exitcode
        number = -code if code is not None and code < 0 else None
        message = f"the worker ended by itself with exit code {code}"
        if number is not None:
            hint = " (the system kills with it when memory runs out)" if number == signal.SIGKILL else ""
            message = f"the worker was ended by {_name(number)}{hint}"
        return lost(self.settings, process.cell, "crashed", message + process.log.hint(), process.started, number)

    def _stop(self) -> None:
        for process in self._processes:
            process.pipe.close()
            if process.cell is not None:
                process.process.kill()
        for process in self._processes:
            process.process.join(timeout=10)
            if process.process.is_alive():
                process.process.kill()
                process.process.join()
