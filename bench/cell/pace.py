"""How fast a training loop goes, its first step apart."""

from __future__ import annotations

import time

from bench.meter.device import DeviceTimer


class Pace:
    """Times the first step and all the others. On CUDA it waits for the device three times in all, not at each step.

    The first step is the warm-up: it also pays for choosing and compiling kernels and for the first of every allocation.
    """

    def __init__(self, device: str) -> None:
        self._wait = DeviceTimer(device).synchronise
        self._wait()
        self._steps = self._samples = 0
        self._started = time.perf_counter()
        self.warmup_s: float | None = None
        self.steps_per_s: float | None = None
        self.samples_per_s: float | None = None

    def step(self, samples: int) -> None:
        """A step on so many examples has been taken."""
        if self.warmup_s is None:
            self._wait()
            now = time.perf_counter()
            self.warmup_s, self._started = now - self._started, now
        else:
            self._steps += 1
            self._samples += samples

    def finish(self) -> None:
        """The last step has been taken; the rates are over all steps but the first, None without any."""
        self._wait()
        elapsed = time.perf_counter() - self._started
        if self._steps:
            self.steps_per_s, self.samples_per_s = self._steps / elapsed, self._samples / elapsed
