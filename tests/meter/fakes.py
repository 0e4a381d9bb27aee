"""Stand-ins for what a machine may lack: a counter, a clock that the test turns by hand, a GPU."""

from __future__ import annotations

import types
from typing import Any

import pytest
import torch

from bench.meter import Meter
from bench.store.record import Quality


class FakeSensor:
    """A counter that the test turns by hand."""

    source, scope = "fake", "the test"
    shared: bool | None = False

    def __init__(
        self, shortest_window_s: float = 0.0, quality: Quality = "measured", sample_every_s: float | None = None
    ) -> None:
        self.shortest_window_s, self.quality, self.sample_every_s = shortest_window_s, quality, sample_every_s
        self.now = 1000.0

    def joules(self) -> float:
        return self.now


def meter_with(sensor: Any) -> Meter:
    meter = Meter("cpu")
    meter.sensor = sensor
    return meter


class FakeClock:
    """In place of the module `time`; sleeping takes no time."""

    def __init__(self, sensor: FakeSensor | None = None, watts: float = 0.0) -> None:
        self.now, self.sensor, self.watts = 50.0, sensor, watts

    def perf_counter(self) -> float:
        return self.now

    process_time = perf_counter

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        if self.sensor is not None:
            self.sensor.now += seconds * self.watts


class FakeCuda:
    """What is asked of torch.cuda, with a stream whose clock and memory the test sets; `log` keeps the order of calls."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.clock_ms = 0.0
        self.allocated = self.peak = self.reserved = 0

    def synchronize(self, device: Any) -> None:
        self.log.append("synchronise")

    def current_stream(self, device: Any) -> str:
        return f"stream of {device}"

    def Event(self, enable_timing: bool) -> Any:
        event = types.SimpleNamespace()

        def record(stream: str) -> None:
            self.log.append(f"event on {stream}")
            event.at = self.clock_ms

        event.record, event.elapsed_time = record, lambda later: later.at - event.at
        return event

    def use(self, patch: pytest.MonkeyPatch) -> FakeCuda:
        for name in ("synchronize", "current_stream", "Event"):
            patch.setattr(torch.cuda, name, getattr(self, name))
        patch.setattr(torch.cuda, "reset_peak_memory_stats", lambda device: setattr(self, "peak", self.allocated))
        patch.setattr(torch.cuda, "memory_allocated", lambda device: self.allocated)
        patch.setattr(torch.cuda, "max_memory_allocated", lambda device: self.peak)
        patch.setattr(torch.cuda, "max_memory_reserved", lambda device: self.reserved)
        patch.setattr(torch.cuda, "empty_cache", lambda: self.log.append("empty cache"))
        return self
