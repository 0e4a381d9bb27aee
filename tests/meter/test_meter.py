"""A measured stretch of work has its seconds, joules and bytes, and no figure where there is none to be had."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import bench.meter
from bench.meter import Meter, Sensor, Usage, energy_sensor
from bench.meter.estimate import WATTS_PER_CORE, CpuSecondsEstimate
from bench.meter.memory import PeakMemory
from bench.record import Quality

MEGABYTE = 10**6


class FakeSensor:
    """A counter that the test turns by hand."""

    source, scope = "fake", "the test"
    shared: bool | None = False

    def __init__(self, shortest_window_s: float = 0.0, quality: Quality = "measured") -> None:
        self.shortest_window_s, self.quality = shortest_window_s, quality
        self.now = 1000.0

    def joules(self) -> float:
        return self.now


def meter_with(sensor: FakeSensor) -> Meter:
    meter = Meter("cpu")
    meter.sensor = sensor
    return meter


def busy(seconds: float) -> None:
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass


def test_joules_are_the_difference_of_two_readings() -> None:
    sensor = FakeSensor()
    with meter_with(sensor).measure() as usage:
        sensor.now += 12.5
    assert usage.joules == 12.5


def test_a_window_that_is_too_short_for_the_counter_gives_no_figure() -> None:
    sensor = FakeSensor(shortest_window_s=60)
    with meter_with(sensor).measure() as usage:
        sensor.now += 12.5
    assert usage.joules is None
    assert usage.seconds > 0


@pytest.mark.parametrize(("quality", "joules"), [("measured", None), ("estimated", 0.0)])
def test_a_counter_that_did_not_move_measured_nothing(quality: Quality, joules: float | None) -> None:
    with meter_with(FakeSensor(quality=quality)).measure() as usage:
        pass
    assert usage.joules == joules


def test_waiting_takes_seconds_but_no_cpu_seconds() -> None:
    with Meter("cpu").measure() as waiting:
        time.sleep(0.1)
    with Meter("cpu").measure() as working:
        busy(0.1)
    assert waiting.seconds >= 0.1 > 0.05 > waiting.cpu_seconds
    assert working.cpu_seconds >= 0.1
    assert working.seconds >= 0.09


def test_work_that_ends_in_an_error_is_measured_too() -> None:
    sensor = FakeSensor()
    with pytest.raises(ZeroDivisionError), meter_with(sensor).measure() as usage:
        sensor.now += 3
        raise ZeroDivisionError
    assert usage.joules == 3
    assert usage.seconds > 0


def test_the_estimate_is_cpu_seconds_times_watts_and_says_so() -> None:
    sensor: Sensor = CpuSecondsEstimate()
    assert sensor.quality == "estimated"
    assert f"{WATTS_PER_CORE:g} W" in sensor.source
    meter = Meter("cpu")
    meter.sensor = sensor
    with meter.measure() as usage:
        busy(0.1)
    assert usage.joules == pytest.approx(WATTS_PER_CORE * usage.cpu_seconds, rel=0.2)


def test_without_a_counter_the_estimate_serves_and_the_reason_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> Sensor:
        raise FileNotFoundError("no RAPL counters here")

    monkeypatch.setattr(bench.meter, "Rapl", missing)
    sensor, reasons = energy_sensor("cpu")
    assert (sensor.quality, reasons) == ("estimated", ["no RAPL counters here"])


def test_a_counter_that_works_is_preferred_to_the_estimate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench.meter, "Rapl", FakeSensor)
    sensor, reasons = energy_sensor("cpu")
    assert (sensor.source, reasons) == ("fake", [])


def hold(megabytes: int) -> None:
    """Touch so much memory, and free it again."""
    np.ones(megabytes * MEGABYTE, dtype=np.uint8)


@pytest.fixture
def peaks() -> None:
    if "can't be reset" in PeakMemory("cpu").source:
        pytest.skip("this system's high-water mark can't be reset")


@pytest.mark.usefixtures("peaks")
def test_the_peak_sees_memory_that_is_freed_again() -> None:
    with Meter("cpu").measure() as usage:
        hold(200)
    assert 195 * MEGABYTE < usage.peak_bytes < 260 * MEGABYTE


@pytest.mark.usefixtures("peaks")
def test_an_earlier_peak_and_what_is_held_already_do_not_count() -> None:
    meter, held = Meter("cpu"), np.ones(100 * MEGABYTE, dtype=np.uint8)
    hold(200)
    with meter.measure() as usage:
        hold(50)
    assert 45 * MEGABYTE < usage.peak_bytes < 95 * MEGABYTE
    assert held[-1] == 1


def test_a_system_without_a_mark_that_can_be_reset_is_told_in_the_source(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.meter.memory.CLEAR_REFS", bench.meter.memory.STATUS.parent / "nowhere" / "at all")
    monkeypatch.setattr("bench.meter.memory.STATUS", bench.meter.memory.STATUS.parent / "nowhere")
    memory = PeakMemory("cpu")
    assert memory.source == "process high-water mark since start (can't be reset here)"
    assert memory.reset() > 10 * MEGABYTE
    assert memory.peak() >= memory.reset()


AMOUNTS = st.floats(0, 1e6)
USAGES = st.builds(Usage, AMOUNTS, AMOUNTS, st.none() | AMOUNTS, st.integers(0, 10**12))


@given(st.lists(USAGES, max_size=5), st.floats(0, 1))
def test_shares_of_usages_add_up_and_the_highest_peak_stays(parts: list[Usage], share: float) -> None:
    total = Usage()
    for part in parts:
        total.add(part, share)
    assert total.seconds == pytest.approx(share * sum(part.seconds for part in parts))
    assert total.cpu_seconds == pytest.approx(share * sum(part.cpu_seconds for part in parts))
    known = [part.joules for part in parts if part.joules is not None]
    assert total.joules == (pytest.approx(share * sum(known)) if len(known) == len(parts) else None)
    assert total.peak_bytes == max((part.peak_bytes for part in parts), default=0)
