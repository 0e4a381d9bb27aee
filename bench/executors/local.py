"""Local worker processes, each with its share of the cores.

A worker gets one cell at a time, so that when it dies it is plain which cell it died of. It keeps to one
backbone and task for as long as there are cells of it; a worker without a task of its own takes the one with
the most cells left. The parent survives every death of a worker, records it, and starts a fresh one.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from bench.executors.log import keep_log, print_into
from bench.grid import Cell
from bench.provenance import now, provenance
from bench.record import Failure, Record, Status
from bench.worker import Settings, Worker

Group = tuple[str, str]  # backbone, task


@dataclass
class _Process:
    process: BaseProcess
    pipe: Connection
    cell: Cell | None = None
    group: Group | None = None
    since: float = field(default_factory=time.monotonic)
    started: str = ""
    ready: bool = False


def _serve(settings: Settings, pipe: Connection, log: Connection) -> None:
    """A worker's life: None when it is ready, then records for cells until the parent closes the pipe."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's business
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


class LocalExecutor:
    """Runs cells in `workers` processes; `timeout_s` ends a cell that takes longer."""

    def __init__(self, settings: Settings, workers: int, timeout_s: float | None = None) -> None:
        self.settings = settings
        self.workers = workers
        self.timeout_s = timeout_s
        self.running: list[Cell] = []
        self._context = get_context("spawn")
        self._processes: list[_Process] = []
        self._queues: dict[Group, deque[Cell]] = {}

    def run(self, cells: list[Cell], started: Callable[[Cell], None] = lambda cell: None) -> Iterator[Record]:
        """Yield a record per cell as they finish. Stopping early (Ctrl-C included) ends the workers."""
        for cell in cells:
            self._queues.setdefault((cell.info.backbone, cell.task_source), deque()).append(cell)
        try:
            for _ in range(min(self.workers, len(cells))):
                self._processes.append(self._start())
            for process in list(self._processes):
                self._hand_out(process, started)
            while self.running:
                yield from self._step(started)
        finally:
            self._stop()

    def _start(self) -> _Process:
        ours, theirs = self._context.Pipe()
        said, log = self._context.Pipe(duplex=False)
        process = self._context.Process(target=_serve, args=(self.settings, theirs, log), daemon=True)
        process.start()
        theirs.close()
        log.close()
        keep_log(said, self.settings.out / "logs" / f"worker-{uuid.uuid4().hex[:8]}.log")
        return _Process(process, ours)

    def _hand_out(self, process: _Process, started: Callable[[Cell], None]) -> None:
        """Give the process its next cell, from its own group while that has any."""
        if process.group is None or not self._queues[process.group]:
            taken = {other.group for other in self._processes if other is not process and other.cell is not None}
            left = [group for group, queue in self._queues.items() if queue]
            if not left:
                process.cell = None
                return
            # Prefer a task that no other worker is at; among those the one with the most left to do.
            process.group = max(left, key=lambda group: (group not in taken, len(self._queues[group])))
        process.cell = self._queues[process.group].popleft()
        process.since, process.started = time.monotonic(), now()
        self.running.append(process.cell)
        started(process.cell)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # a death shows when the pipe is read
            process.pipe.send(process.cell)

    def _step(self, started: Callable[[Cell], None]) -> Iterator[Record]:
        busy = [process for process in self._processes if process.cell is not None]
        ready = wait([process.pipe for process in busy], timeout=0.5)
        for process in busy:
            assert process.cell is not None
            cell = process.cell
            record: Record | None = None
            if process.pipe in ready:
                try:
                    record = process.pipe.recv()
                except (EOFError, ConnectionResetError):
                    record = self._death(process)
                if record is None:  # ready only now: starting up isn't the cell's time
                    process.ready, process.since = True, time.monotonic()
            elif process.ready and self.timeout_s is not None and time.monotonic() - process.since > self.timeout_s:
                process.process.kill()
                record = self._lost(process, "timeout", f"still running after {self.timeout_s:g} s", None)
            if record is None:
                continue
            self.running.remove(cell)
            if record.status in ("timeout", "crashed"):
                process.process.join()
                fresh = self._start()
                fresh.group = process.group
                self._processes[self._processes.index(process)] = fresh
                process = fresh
            self._hand_out(process, started)
            yield record

    def _death(self, process: _Process) -> Record:
        process.process.join()
        code = process.process.exitcode
        if code is not None and code < 0:
            name = signal.Signals(-code).name
            hint = " (the system kills with it when memory runs out)" if -code == signal.SIGKILL else ""
            return self._lost(process, "crashed", f"the worker was ended by {name}{hint}", -code)
        return self._lost(process, "crashed", f"the worker ended by itself with exit code {code}", None)

    def _lost(self, process: _Process, status: Status, message: str, number: int | None) -> Record:
        assert process.cell is not None
        settings = self.settings
        return Record(
            record_id=uuid.uuid4().hex[:16],
            cell=process.cell.info,
            status=status,
            error=Failure(phase="worker", type=status, message=message, signal=number),
            provenance=provenance(settings.device, settings.command, process.started, dict(settings.flags)),
        )

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
