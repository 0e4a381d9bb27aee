"""Reading a sensor again and again while a measurement is open."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

from bench.meter.sensor import Sensor


@contextlib.contextmanager
def sampled(sensor: Sensor) -> Iterator[None]:
    """Read the sensor every `sample_every_s` seconds, from a thread that lives no longer than the block.

    A reading that fails is passed over: the measurement's own last reading tells whether there is a figure.
    """
    if sensor.sample_every_s is None:
        yield
        return
    interval, ended = sensor.sample_every_s, threading.Event()

    def read() -> None:
        while not ended.wait(interval):
            with contextlib.suppress(OSError):
                sensor.joules()

    thread = threading.Thread(target=read, name=f"sampling {sensor.source}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
