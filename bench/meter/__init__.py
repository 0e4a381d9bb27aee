"""Measuring what a stretch of work costs: wall clock, CPU time, energy, peak memory."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch

from bench.meter.estimate import CpuSecondsEstimate
from bench.meter.memory import PeakMemory
from bench.meter.nvml import Nvml
from bench.meter.rapl import Rapl
from bench.meter.sensor import Sensor

__all__ = ["Meter", "Sensor", "Usage", "energy_sensor"]


@dataclass
class Usage:
    """What some work took. `joules` is None where the window was too short for the counter."""

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    joules: float | None = 0.0
    peak_bytes: int = 0  # above the baseline

    def add(self, other: Usage, share: float = 1.0) -> None:
        """Add `share` of another usage; peaks don't add up, the higher one stays."""
        self.seconds += share * other.seconds
        self.cpu_seconds += share * other.cpu_seconds
        self.joules = None if self.joules is None or other.joules is None else self.joules + share * other.joules
        self.peak_bytes = max(self.peak_bytes, other.peak_bytes)


def energy_sensor(device: str) -> tuple[Sensor, list[str]]:
    """The best energy sensor that works here, and why the better ones don't."""
    reasons: list[str] = []
    candidates = [lambda: Nvml(device)] if torch.device(device).type == "cuda" else [Rapl]
    for candidate in candidates:
        try:
            return candidate(), reasons
        except OSError as error:
            reasons.append(str(error))
    return CpuSecondsEstimate(), reasons


@dataclass
class Meter:
    """Measures stretches of work on one device."""

    device: str
    sensor: Sensor = field(init=False)
    reasons: list[str] = field(init=False)
    memory: PeakMemory = field(init=False)

    def __post_init__(self) -> None:
        self.sensor, self.reasons = energy_sensor(self.device)
        self.memory = PeakMemory(self.device)

    @contextmanager
    def measure(self) -> Iterator[Usage]:
        """Fills the usage it yields when the block ends, also when it ends by an error. Blocks don't nest."""
        usage = Usage()
        baseline = self.memory.reset()
        joules = self.sensor.joules()
        started, cpu = time.perf_counter(), time.process_time()
        try:
            yield usage
        finally:
            if torch.device(self.device).type == "cuda":
                torch.cuda.synchronize(self.device)
            usage.seconds = time.perf_counter() - started
            usage.cpu_seconds = time.process_time() - cpu
            spent = self.sensor.joules() - joules
            too_short = usage.seconds < self.sensor.shortest_window_s or (spent == 0 and self.sensor.quality == "measured")
            usage.joules = None if too_short else spent
            usage.peak_bytes = max(0, self.memory.peak() - baseline)
