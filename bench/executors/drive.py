"""From the executor into the store: the same for the driver and for a job that writes its own shard."""

from __future__ import annotations

from typing import Protocol

from bench.executors import Executor
from bench.executors.schedule import Schedule
from bench.executors.signals import stoppable
from bench.plan.grid import Cell
from bench.store.record import Record
from bench.store.store import Store


class Watcher(Protocol):
    """Is told what happens."""

    def start(self, cell: Cell) -> None: ...

    def finish(self, record: Record) -> None: ...


class Nobody:
    def start(self, cell: Cell) -> None: ...

    def finish(self, record: Record) -> None: ...


def drive(executor: Executor, schedule: Schedule, store: Store, watcher: Watcher | None = None) -> int | None:
    """Put every record into the store as it comes; the number of the signal that ended this early, if one did.

    Raises StoreError if a record can't be written.
    """
    watcher = watcher or Nobody()
    with stoppable(schedule) as stop:
        for record in executor.run(schedule, watcher.start):
            if not schedule.is_stored(record):
                store.append(record)
            schedule.finish(record)
            watcher.finish(record)
    return stop.signal
