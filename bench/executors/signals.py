"""What Ctrl-C, SIGTERM and a closed terminal do to a run.

The handlers only note what was asked for: an exception out of a handler could strike in the middle of writing a
record. Whoever runs the cells looks at the schedule at least every half second.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import FrameType

from bench.executors.schedule import Schedule
from bench.forks import STOPPING


@dataclass
class Stop:
    signal: int | None = None  # the last one that came


@contextmanager
def stoppable(schedule: Schedule) -> Iterator[Stop]:
    """While it lasts, the first Ctrl-C lets the running cells finish; the second, SIGTERM and SIGHUP stop now.

    A signal that is ignored (`nohup`) stays ignored. Outside the main thread nothing changes.
    """
    stop = Stop()
    terminals = [descriptor for descriptor in (1, 2) if os.isatty(descriptor)]

    def on_interrupt(number: int, frame: FrameType | None) -> None:
        stop.signal = number
        if schedule.draining:
            schedule.stop()
            return
        schedule.drain()
        with suppress(OSError):
            os.write(2, b"\nfinishing the cells that run; Ctrl-C again stops now\n")

    def on_end(number: int, frame: FrameType | None) -> None:
        stop.signal = number
        schedule.stop()
        if number == signal.SIGHUP:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            for descriptor in terminals:  # writing to a terminal that is gone is an error
                os.dup2(nowhere, descriptor)

    with handlers_kept():
        if threading.current_thread() is threading.main_thread():
            for number, handler in zip(STOPPING, (on_interrupt, on_end, on_end), strict=True):
                if signal.getsignal(number) is not signal.SIG_IGN:
                    signal.signal(number, handler)
        yield stop


@contextmanager
def handlers_kept() -> Iterator[None]:
    """Whatever sets handlers in between, these signals are handled afterwards as they were before."""
    before = {number: signal.getsignal(number) for number in STOPPING}
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            for number, handler in before.items():
                signal.signal(number, handler)
