"""Work on a GPU is timed by the device's clock and charged with its allocator's peaks; a fake stands in for the GPU."""

from __future__ import annotations

import pytest
import torch

from bench.meter import Meter
from bench.meter.device import DeviceTimer
from bench.meter.memory import PeakMemory
from tests.meter.fakes import FakeCuda, FakeSensor


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> FakeCuda:
    return FakeCuda().use(monkeypatch)


def test_a_measurement_on_a_gpu_has_its_seconds_and_its_peaks(cuda: FakeCuda) -> None:
    meter = Meter("cuda:1")
    meter.sensor = FakeSensor()
    cuda.allocated, cuda.peak, cuda.reserved = 100, 900, 1000
    with meter.measure() as usage:
        cuda.clock_ms += 2500
        cuda.allocated, cuda.peak, cuda.reserved = 130, 450, 640
    assert usage.device_seconds == 2.5
    assert (usage.baseline_bytes, usage.peak_bytes, usage.kept_bytes, usage.reserved_bytes) == (100, 350, 30, 640)


def test_the_gpu_is_waited_for_before_both_readings_of_the_counter(cuda: FakeCuda) -> None:
    class Logged(FakeSensor):
        def joules(self) -> float:
            cuda.log.append("joules")
            return super().joules()

    meter = Meter("cuda:1")
    meter.sensor = Logged()
    with meter.measure():
        cuda.log.append("work")
    event = "event on stream of cuda:1"
    assert cuda.log == ["synchronise", "joules", event, "work", event, "synchronise", "joules"]


def test_a_cpu_has_no_clock_of_its_own_and_reserves_nothing() -> None:
    timer = DeviceTimer("cpu")
    timer.start()
    timer.stop()
    assert timer.seconds() is None
    assert PeakMemory("cpu").reserved() is None


def test_what_an_earlier_cell_left_reserved_is_given_back(cuda: FakeCuda) -> None:
    PeakMemory("cuda").release()
    assert cuda.log == ["empty cache"]


def test_giving_back_asks_nothing_of_a_machine_without_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: pytest.fail("there is no GPU"))
    PeakMemory("cpu").release()
