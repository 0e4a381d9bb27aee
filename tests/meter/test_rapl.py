"""RAPL counters are read from powercap's files; a fake folder stands in for them."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.meter.rapl import Rapl

RANGE = 1_000_000


def write(zone: Path, microjoules: int) -> None:
    zone.mkdir(exist_ok=True)
    (zone / "energy_uj").write_text(f"{microjoules}\n")
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


def test_the_figures_say_that_they_are_measured_for_all_on_the_machine() -> None:
    assert (Rapl.quality, Rapl.source, Rapl.scope, Rapl.shared) == ("measured", "rapl", "CPU packages", True)
