"""Peaks of memory are those of the measured work, whatever the process held or freed before."""

from __future__ import annotations

import numpy as np
import pytest

from bench.meter import Meter
from bench.meter.memory import CLEAR_REFS, PeakMemory

MEGABYTE = 10**6


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


@pytest.mark.usefixtures("peaks")
def test_memory_that_the_process_has_freed_but_kept_does_not_hide_later_work() -> None:
    """In blocks so small that the C library keeps them, and with one held above them."""
    if "given back" not in PeakMemory("cpu").source:
        pytest.skip("this system's C library gives nothing back on demand")

    def fill() -> list[np.ndarray]:
        return [np.ones(50_000, dtype=np.uint8) for _ in range(2000)]

    meter = Meter("cpu")
    blocks, above = fill(), np.ones(50_000, dtype=np.uint8)
    del blocks
    with meter.measure() as usage:
        fill()
    assert 95 * MEGABYTE < usage.peak_bytes < 150 * MEGABYTE
    assert above[-1] == 1


def test_a_system_without_a_mark_that_can_be_reset_is_told_in_the_source(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.meter.memory.CLEAR_REFS", CLEAR_REFS.parent / "nowhere" / "at all")
    monkeypatch.setattr("bench.meter.memory.STATUS", CLEAR_REFS.parent / "nowhere")
    memory = PeakMemory("cpu")
    assert memory.source == "process high-water mark since start (can't be reset here)"
    assert memory.reset() > 10 * MEGABYTE
    assert memory.peak() >= memory.reset()


@pytest.mark.usefixtures("peaks")
def test_a_c_library_that_keeps_what_is_freed_is_told_in_the_source(monkeypatch: pytest.MonkeyPatch) -> None:
    """Peaks measured with and without do not compare, so they have different sources."""

    def another(name: None) -> object:
        return object()

    monkeypatch.setattr("ctypes.CDLL", another)
    memory = PeakMemory("cpu")
    assert memory.source == "process high-water mark"
    assert memory.reset() > 10 * MEGABYTE


@pytest.mark.usefixtures("peaks")
def test_what_stays_in_memory_is_told_from_what_is_freed() -> None:
    with Meter("cpu").measure() as usage:
        held = np.ones(60 * MEGABYTE, dtype=np.uint8)
        hold(100)
    assert 55 * MEGABYTE < usage.kept_bytes < 90 * MEGABYTE
    assert usage.peak_bytes > usage.kept_bytes + 90 * MEGABYTE
    assert usage.baseline_bytes is not None and usage.baseline_bytes > 10 * MEGABYTE
    assert (usage.device_seconds, usage.reserved_bytes) == (None, None)
    assert held[-1] == 1
