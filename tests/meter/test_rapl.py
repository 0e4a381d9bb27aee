"""RAPL counters are read from powercap's files; a fake folder stands in for them."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from bench.meter import NoSensor, Sensor
from bench.meter.rapl import Rapl
from tests.meter.fakes import meter_with

RANGE = 1_000_000


def write(zone: Path, microjoules: int) -> None:
    zone.mkdir(exist_ok=True)
    (zone / "next").write_text(f"{microjoules}\n")
    (zone / "next").rename(zone / "energy_uj")  # at once, as it may be read at any time
    (zone / "max_energy_range_uj").write_text(f"{RANGE}\n")


def test_joules_are_what_all_packages_drew_since_the_start(tmp_path: Path) -> None:
    for number, start in enumerate((500_000, 100_000)):
        write(tmp_path / f"intel-rapl:{number}", start)
    rapl = Rapl(tmp_path)
    assert rapl.joules() == 0
    write(tmp_path / "intel-rapl:0", 700_000)
    write(tmp_path / "intel-rapl:1", 150_000)
    assert rapl.joules() == pytest.approx(0.25)
    assert rapl.joules() == pytest.approx(0.25)


def test_parts_of_a_package_are_not_counted_twice(tmp_path: Path) -> None:
    names = ("intel-rapl:0", "intel-rapl:0:0", "intel-rapl:0:1", "intel-rapl-mmio:0", "intel-rapl")
    for name in names:
        write(tmp_path / name, 0)
    rapl = Rapl(tmp_path)
    for name in names:
        write(tmp_path / name, 300_000)
    assert rapl.joules() == pytest.approx(0.3)


def test_a_counter_that_starts_again_at_zero_goes_on_growing(tmp_path: Path) -> None:
    write(tmp_path / "intel-rapl:0", 900_000)
    rapl = Rapl(tmp_path)
    readings = []
    for now in (950_000, 50_000, 850_000, 10_000):
        write(tmp_path / "intel-rapl:0", now)
        readings.append(rapl.joules())
    assert readings == pytest.approx([0.05, 0.15, 0.95, 1.11])


def test_a_long_phase_misses_no_turn_of_the_counter(tmp_path: Path) -> None:
    """Within one measurement the counter turns over twice; it is read in between from the background."""
    read = threading.Event()

    class Watched(Rapl):
        sample_every_s: float | None = 0.001
        shortest_window_s = 0.0

        def joules(self) -> float:
            value = super().joules()
            read.set()
            return value

    zone = tmp_path / "intel-rapl:0"
    write(zone, 600_000)
    sensor: Sensor = Watched(tmp_path)
    with meter_with(sensor).measure() as usage:
        for now in (100_000, 900_000, 300_000, 700_000):
            write(zone, now)
            for _ in range(2):  # the first may have begun before the file was written
                read.clear()
                assert read.wait(60)
    assert usage.joules == pytest.approx((RANGE - 600_000 + 900_000 + 100_000 + 700_000) / 1e6)


def test_it_is_read_at_least_once_a_minute() -> None:
    assert Rapl.sample_every_s is not None
    assert Rapl.sample_every_s <= 60


def test_missing_counters_are_a_reason_and_not_a_figure(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=f"no RAPL counters under {tmp_path}"):
        Rapl(tmp_path)
    write(tmp_path / "intel-rapl:0:0", 1)
    with pytest.raises(OSError, match="no RAPL counters"):
        Rapl(tmp_path)


def test_counters_that_may_not_be_read_are_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(path: Path) -> str:
        raise PermissionError(13, "Permission denied", str(path))

    write(tmp_path / "intel-rapl:0", 1)
    monkeypatch.setattr(Path, "read_text", denied)
    with pytest.raises(OSError, match=r"Permission denied.*intel-rapl:0"):
        Rapl(tmp_path)


@pytest.mark.parametrize(
    ("flags", "remedy"), [("fpu hypervisor sse", "virtual machine"), ("fpu sse", "modprobe intel_rapl_msr"), (None, "modprobe")]
)
def test_the_remedy_for_missing_counters_depends_on_the_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flags: str | None, remedy: str
) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    if flags is not None:
        cpuinfo.write_text(f"model name\t: some\nflags\t\t: {flags}\n")
    monkeypatch.setattr("bench.meter.rapl.CPUINFO", cpuinfo)
    with pytest.raises(NoSensor) as error:
        Rapl(tmp_path)
    assert remedy in error.value.remedy


def test_the_remedy_for_counters_that_may_not_be_read_is_the_right_to_read_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(path: Path) -> str:
        raise PermissionError(13, "Permission denied", str(path))

    write(tmp_path / "intel-rapl:0", 1)
    monkeypatch.setattr(Path, "read_text", denied)
    with pytest.raises(NoSensor) as error:
        Rapl(tmp_path)
    assert "chmod a+r /sys/class/powercap/intel-rapl:*/energy_uj" in error.value.remedy


def test_a_counter_that_holds_no_number_is_a_reason(tmp_path: Path) -> None:
    write(tmp_path / "intel-rapl:0", 1)
    (tmp_path / "intel-rapl:0" / "energy_uj").write_text("\n")
    with pytest.raises(NoSensor, match="RAPL counters under"):
        Rapl(tmp_path)


def test_the_figures_say_that_they_are_measured_for_all_on_the_machine() -> None:
    assert (Rapl.quality, Rapl.source, Rapl.scope, Rapl.shared) == ("measured", "rapl", "CPU packages", True)
