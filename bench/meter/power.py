"""Joules from a reading of watts, for boards that count no energy."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from bench.store.record import Quality


class PowerIntegral:
    """The trapezoid rule over readings of the power, one about every 50 ms while a measurement is open.

    joules = sum over i of (t[i] - t[i-1]) * (p[i] + p[i-1]) / 2        t: seconds, p: watts

    What a board gives as its power is a mean over up to a second, so short windows are not figures.
    """

    quality: Quality = "measured"
    shortest_window_s = 2.0
    sample_every_s: float | None = 0.05

    def __init__(self, watts: Callable[[], float], clock: Callable[[], float] = time.perf_counter) -> None:
        """Raises whatever `watts` raises where it can't be read."""
        self._watts, self._clock = watts, clock
        self._lock = threading.Lock()
        self._total = 0.0
        self._last = clock(), watts()

    def joules(self) -> float:
        """The integral up to now."""
        with self._lock:
            now, watts = self._clock(), self._watts()
            then, before = self._last
            self._total += (now - then) * (watts + before) / 2
            self._last = now, watts
            return self._total
