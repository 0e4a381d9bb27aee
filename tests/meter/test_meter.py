"""A measured stretch of work has its seconds, joules and bytes, and no figure where there is none to be had."""

from __future__ import annotations

import dataclasses
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

import bench.meter
from bench.meter import Meter, Sensor, Usage, energy_sensor
from bench.meter.estimate import WATTS_PER_CORE, CpuSecondsEstimate
from bench.store.record import Quality
from tests.meter.fakes import FakeClock, FakeSensor, meter_with


def busy(seconds: float) -> None:
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass


def test_joules_are_the_difference_of_two_readings() -> None:
    sensor = FakeSensor()
    with meter_with(sensor).measure() as usage:
        sensor.now += 12.5
    assert usage.joules == 12.5


@pytest.mark.parametrize(
    ("seconds", "windows", "known"),
    [
        ([1.9], 1, False),
        ([2.0], 1, True),
        ([0.1, 5.9, 0.1], 3, True),  # building and finishing beside a long training
        ([0.1, 5.7, 0.1], 3, False),
        ([2.0] * 50, 50, True),
    ],
)
def test_windows_that_are_too_short_for_the_counter_give_no_figure(seconds: list[float], windows: int, known: bool) -> None:
    meter, total = meter_with(FakeSensor(shortest_window_s=2)), Usage()
    for each in seconds:
        total.add(Usage(seconds=each, joules=10 * each, windows=1))
    assert total.windows == windows
    assert meter.joules_of(total) == (pytest.approx(10 * sum(seconds)) if known else None)


@given(st.integers(1, 100), st.floats(0.1, 100))
def test_a_share_of_a_window_is_as_good_as_the_window(rows: int, seconds: float) -> None:
    meter, each, all_rows = meter_with(FakeSensor(shortest_window_s=2)), Usage(), Usage()
    whole = Usage(seconds=seconds, joules=7.0, windows=1)
    each.add(whole, 1 / rows)
    for _ in range(rows):
        all_rows.add(each)
    if abs(seconds - 2) > 1e-6:
        for part in (each, all_rows):
            assert (meter.joules_of(part) is None) == (meter.joules_of(whole) is None) == (seconds < 2)


@pytest.mark.parametrize(("quality", "joules"), [("measured", None), ("estimated", 0.0)])
def test_a_counter_that_did_not_move_measured_nothing(quality: Quality, joules: float | None) -> None:
    meter = meter_with(FakeSensor(quality=quality))
    with meter.measure() as usage:
        pass
    assert meter.joules_of(usage) == joules


def test_a_counter_that_went_back_measured_nothing() -> None:
    sensor = FakeSensor()
    meter = meter_with(sensor)
    with meter.measure() as usage:
        sensor.now -= 5
    assert meter.joules_of(usage) is None


@pytest.mark.parametrize("fails", ["before", "after"])
def test_a_counter_that_is_lost_costs_the_figure_and_not_the_work(fails: str) -> None:
    class Lost(FakeSensor):
        lost = fails == "before"

        def joules(self) -> float:
            if self.lost:
                raise OSError("the board fell off the bus")
            return super().joules()

    sensor = Lost()
    meter = meter_with(sensor)
    with meter.measure() as usage:
        sensor.lost = not sensor.lost
    assert usage.joules is None and meter.joules_of(usage) is None
    assert usage.seconds > 0
    assert meter.why_no_joules == "the board fell off the bus"


def test_a_sensor_is_sampled_in_the_background_only_while_a_measurement_is_open() -> None:
    """Readings that fail in between are passed over."""
    main, sampled = threading.get_ident(), threading.Semaphore(0)

    class Watched(FakeSensor):
        def joules(self) -> float:
            if threading.get_ident() == main:
                return super().joules()
            sampled.release()
            raise OSError("not now")

    sensor = Watched(sample_every_s=0.001)
    before = set(threading.enumerate())
    with meter_with(sensor).measure() as usage:
        assert all(sampled.acquire(timeout=60) for _ in range(3))
        assert len(set(threading.enumerate()) - before) == 1
        sensor.now += 2
    assert usage.joules == 2
    assert set(threading.enumerate()) == before


def test_a_sensor_that_needs_no_sampling_gets_no_thread() -> None:
    before = set(threading.enumerate())
    with meter_with(FakeSensor()).measure():
        assert set(threading.enumerate()) == before


def test_short_work_is_repeated_until_its_window_suffices(monkeypatch: pytest.MonkeyPatch) -> None:
    """A counter that ticks in whole joules sees nothing of a run of 0.3 s at 2 W, and 4 J of seven such runs."""
    sensor = FakeSensor(shortest_window_s=2)
    clock, meter = FakeClock(), meter_with(sensor)
    monkeypatch.setattr(bench.meter, "time", clock)
    monkeypatch.setattr(sensor, "joules", lambda: float(int(2 * clock.now)))

    def work() -> None:
        clock.sleep(0.3)

    with meter.measure() as usage:
        work()
    assert meter.joules_of(usage) is None
    assert meter.repeat(work, usage) == 7
    assert meter.joules_of(usage) == pytest.approx(4 / 7)
    assert usage.seconds == pytest.approx(0.3)
    total = Usage()
    total.add(usage)
    total.add(Usage(seconds=2.0, joules=4.0, windows=1))
    assert meter.joules_of(total) == pytest.approx(4 + 4 / 7)


@pytest.mark.parametrize("quality", ["measured", "estimated"])
def test_work_that_is_long_enough_or_estimated_is_not_repeated(quality: Quality, monkeypatch: pytest.MonkeyPatch) -> None:
    sensor = FakeSensor(shortest_window_s=2, quality=quality)
    clock, meter = FakeClock(sensor, watts=5), meter_with(sensor)
    monkeypatch.setattr(bench.meter, "time", clock)
    with meter.measure() as usage:
        clock.sleep(2.0 if quality == "measured" else 0.1)
    before = dataclasses.replace(usage)
    assert meter.repeat(lambda: pytest.fail("run again"), usage) == 1
    assert usage == before


def test_repeating_ends_with_an_error_or_a_clock_that_stands_still(monkeypatch: pytest.MonkeyPatch) -> None:
    meter, usage = meter_with(FakeSensor(shortest_window_s=2)), Usage(seconds=0.1, joules=0.2, windows=1)
    before = dataclasses.replace(usage)

    def fails() -> None:
        raise MemoryError

    assert meter.repeat(fails, usage) == 1
    assert usage == before
    monkeypatch.setattr(bench.meter, "time", FakeClock())
    monkeypatch.setattr(bench.meter, "MOST_RUNS", 5)
    assert meter.repeat(lambda: None, usage) == 5
    assert meter.joules_of(usage) is None


@pytest.mark.parametrize(("shortest", "seconds"), [(0.0, 0.5), (2.0, 2.0)])
def test_idle_power_is_measured_for_a_moment_that_suffices_the_counter(
    monkeypatch: pytest.MonkeyPatch, shortest: float, seconds: float
) -> None:
    sensor = FakeSensor(shortest)
    clock = FakeClock(sensor, watts=42.0)
    meter = meter_with(sensor)
    monkeypatch.setattr(bench.meter, "time", clock)
    meter.measure_idle()
    assert meter.idle_watts == pytest.approx(42.0)
    assert clock.now == 50 + seconds


@pytest.mark.parametrize(("quality", "watts"), [("estimated", 42.0), ("measured", 0.0)])
def test_there_is_no_idle_power_without_a_counter_that_moves(
    monkeypatch: pytest.MonkeyPatch, quality: Quality, watts: float
) -> None:
    sensor = FakeSensor(quality=quality)
    meter = meter_with(sensor)
    monkeypatch.setattr(bench.meter, "time", FakeClock(sensor, watts))
    meter.measure_idle()
    assert meter.idle_watts is None


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

    monkeypatch.setattr("bench.meter.choice.Rapl", missing)
    sensor, reasons = energy_sensor("cpu")
    assert (sensor.quality, reasons) == ("estimated", ["no RAPL counters here"])


def test_a_counter_that_works_is_preferred_to_the_estimate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.meter.choice.Rapl", FakeSensor)
    sensor, reasons = energy_sensor("cpu")
    assert (sensor.source, reasons) == ("fake", [])


AMOUNTS = st.floats(0, 1e6)
SIZES = st.integers(0, 10**12)
USAGES = st.builds(Usage, AMOUNTS, AMOUNTS, st.none() | AMOUNTS, SIZES, st.none() | AMOUNTS, st.none() | SIZES, SIZES)


@given(st.lists(USAGES, max_size=5), st.floats(0, 1))
def test_shares_of_usages_add_up_and_the_highest_peak_stays(parts: list[Usage], share: float) -> None:
    total = Usage()
    for part in parts:
        total.add(part, share)
    assert total.seconds == pytest.approx(share * sum(part.seconds for part in parts))
    assert total.cpu_seconds == pytest.approx(share * sum(part.cpu_seconds for part in parts))
    for name in ("joules", "device_seconds"):
        known = [value for part in parts if (value := getattr(part, name)) is not None]
        assert getattr(total, name) == (pytest.approx(share * sum(known)) if len(known) == len(parts) else None)
    reserved = [part.reserved_bytes for part in parts]
    assert total.reserved_bytes == (None if None in reserved else max(reserved, default=0))  # type: ignore[type-var]
    assert total.baseline_bytes == (parts[0].baseline_bytes if parts else None)
    assert total.peak_bytes == max((part.peak_bytes for part in parts), default=0)


@given(st.lists(st.tuples(SIZES, SIZES), max_size=6))
def test_the_peak_of_several_steps_stands_on_what_the_earlier_ones_keep(steps: list[tuple[int, int]]) -> None:
    """Each step keeps something and needs something more for a while."""
    total = Usage()
    for kept, passing in steps:
        total.follow(Usage(peak_bytes=kept + passing, kept_bytes=kept))
    levels = [sum(kept for kept, _ in steps[: number + 1]) for number in range(len(steps))]
    assert total.peak_bytes == max((level + passing for level, (_, passing) in zip(levels, steps, strict=True)), default=0)
    assert total.kept_bytes == (levels[-1] if levels else 0)
