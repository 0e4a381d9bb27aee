"""Measuring what a stretch of work costs: wall clock, CPU and device time, energy, peak memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from bench.meter.choice import energy_sensor
from bench.meter.device import DeviceTimer
from bench.meter.memory import PeakMemory
from bench.meter.sampling import sampled
from bench.meter.sensor import NoSensor, Sensor

__all__ = ["Meter", "NoSensor", "Sensor", "Usage", "energy_sensor"]

MOST_RUNS = 10_000  # of work that is repeated; so much of it within one window is no work
IDLE_S = 0.5  # how long idle power is measured, where the sensor needs no longer window


@dataclass
class Usage:
    """What some work took. None is unknown. `Meter.joules_of` tells whether `joules` is a figure."""

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    joules: float | None = 0.0  # difference of the counter's readings; None where one failed
    peak_bytes: int = 0  # above what was in use at the start
    device_seconds: float | None = 0.0  # on the device's own clock; None on a CPU
    reserved_bytes: int | None = 0  # most that CUDA's allocator held; None on a CPU
    baseline_bytes: int | None = None  # in use when it started
    kept_bytes: int = 0  # in use at the end, above what was in use at the start
    windows: float = 0.0  # how many measurements this is the sum of; a share of one counts as that share

    def add(self, other: Usage, share: float = 1.0) -> None:
        """Add `share` of another usage; peaks don't add up, the higher one stays; the first baseline stays."""
        self.seconds += share * other.seconds
        self.cpu_seconds += share * other.cpu_seconds
        self.windows += share * other.windows
        self.joules = None if self.joules is None or other.joules is None else self.joules + share * other.joules
        self.peak_bytes = max(self.peak_bytes, other.peak_bytes)
        if self.device_seconds is None or other.device_seconds is None:
            self.device_seconds = None
        else:
            self.device_seconds += share * other.device_seconds
        if self.reserved_bytes is None or other.reserved_bytes is None:
            self.reserved_bytes = None
        else:
            self.reserved_bytes = max(self.reserved_bytes, other.reserved_bytes)
        if self.baseline_bytes is None:
            self.baseline_bytes = other.baseline_bytes

    def follow(self, later: Usage) -> None:
        """Add the next step of the same work, which comes on top of what the steps before it keep in memory."""
        peak = self.kept_bytes + later.peak_bytes
        self.add(later)
        self.peak_bytes = max(self.peak_bytes, peak)
        self.kept_bytes = max(0, self.kept_bytes + later.kept_bytes)


@dataclass
class Meter:
    """Measures stretches of work on one device."""

    device: str
    sensor: Sensor = field(init=False)
    reasons: list[str] = field(init=False)
    memory: PeakMemory = field(init=False)
    idle_watts: float | None = field(default=None, init=False)  # None until measured
    _failure: str = field(default="", init=False)

    def __post_init__(self) -> None:
        self.sensor, self.reasons = energy_sensor(self.device)
        self.memory = PeakMemory(self.device)

    @contextmanager
    def measure(self) -> Iterator[Usage]:
        """Fills the usage it yields when the block ends, also when it ends by an error. Blocks don't nest."""
        usage = Usage()
        timer = DeviceTimer(self.device)
        timer.synchronise()  # before both readings, so that work of others isn't charged and none of this is left out
        usage.baseline_bytes = baseline = self.memory.reset()
        with sampled(self.sensor):
            joules = self._read()
            timer.start()
            started, cpu = time.perf_counter(), time.process_time()
            try:
                yield usage
            finally:
                timer.stop()
                usage.seconds = time.perf_counter() - started
                usage.cpu_seconds = time.process_time() - cpu
                usage.device_seconds = timer.seconds()
                usage.joules, usage.windows = self._since(joules), 1.0
                usage.peak_bytes = max(0, self.memory.peak() - baseline)
                usage.kept_bytes = self.memory.in_use() - baseline
                usage.reserved_bytes = self.memory.reserved()

    def repeat(self, work: Callable[[], object], once: Usage) -> int:
        """Give `once`, what one run of `work` took, its joules from a window long enough for the counter.

        Where that one window was too short, the work is run again until another one suffices, and `once` gets its share of
        that window's joules; seconds and memory stay those of the first run. Returns how many runs the joules are a mean of:
        1 where nothing was repeated. A run that raises ends the repeating and leaves `once` as it was: no joules are worth the
        result that is already there.
        """
        shortest = self.sensor.shortest_window_s
        if self.sensor.quality != "measured" or once.joules is None or not 0 < once.seconds < shortest * once.windows:
            return 1
        runs, timer = 0, DeviceTimer(self.device)
        try:
            with self.measure() as window:
                started = time.perf_counter()
                while runs < MOST_RUNS and time.perf_counter() - started < shortest:
                    work()
                    runs += 1
                    timer.synchronise()
        except Exception:
            return 1
        once.joules = None if window.joules is None else window.joules / runs
        once.windows = once.seconds / window.seconds if window.seconds else once.windows
        return runs

    def measure_idle(self) -> None:
        """Measure once what a counter shows while this process waits; an estimate knows nothing of idling."""
        if self.sensor.quality != "measured":
            return
        with self.measure() as usage:
            time.sleep(max(IDLE_S, self.sensor.shortest_window_s))
        joules = self.joules_of(usage)
        self.idle_watts = None if joules is None else joules / usage.seconds

    def joules_of(self, usage: Usage) -> float | None:
        """The usage's joules; None where they mean nothing: a counter that stood still, windows too short for its ticks.

        Every window is wrong by up to a tick, so a sum of n windows must be as long as n of the shortest ones.
        """
        if usage.joules is None or usage.seconds < self.sensor.shortest_window_s * usage.windows:
            return None
        return None if usage.joules <= 0 and self.sensor.quality == "measured" else usage.joules

    @property
    def why_no_joules(self) -> str:
        """What to say where `joules_of` gives none."""
        if self._failure:
            return self._failure
        shortest = self.sensor.shortest_window_s
        return f"no figure where its windows are under {shortest:g} s on average, or where the counter stands still"

    def _since(self, before: float | None) -> float | None:
        now = self._read()
        return None if before is None or now is None else now - before

    def _read(self) -> float | None:
        try:
            return self.sensor.joules()
        except OSError as error:
            self._failure = str(error)
            return None
