"""The doctor says what works, why the rest doesn't and what would mend it, and leaves nothing behind."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result

import bench.meter
from bench import doctor
from bench.cli import main
from bench.errors import UsageError
from bench.meter import NoSensor, Sensor
from bench.meter.memory import CLEAR_REFS
from tests.meter.fakes import FakeClock, FakeSensor

GPU_SENSORS = ["NVML, energy counter", "NVML, integrated power", "amdgpu, energy counter", "amdgpu, integrated power"]


def missing() -> Sensor:
    raise NoSensor("no counter [red]here[/red]", "build one in")


def ask(*arguments: str) -> Result:
    result = CliRunner().invoke(main, ["doctor", *arguments])
    assert result.exit_code == 0, result.output
    return result


@pytest.fixture
def no_counters(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without a GPU and without any counter."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    for name in ("Rapl", "AmdEnergy", "AmdPower", "Nvml", "NvmlPower"):
        monkeypatch.setattr(f"bench.meter.choice.{name}", lambda *device: missing())
    monkeypatch.setattr("bench.doctor.Rapl", missing)


def a_sensor(monkeypatch: pytest.MonkeyPatch, watts: float, sensor: FakeSensor) -> doctor.SensorFinding:
    monkeypatch.setattr(bench.meter, "time", FakeClock(sensor, watts))
    return doctor.try_sensor("mine", lambda: sensor)


def test_a_sensor_that_works_tells_what_it_covers_and_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    found = a_sensor(monkeypatch, 42.0, FakeSensor())
    assert (found.works, found.scope, found.shared, found.reason) == (True, "the test", False, "")
    assert found.watts == pytest.approx(42.0)


def test_a_counter_that_stands_still_does_not_work(monkeypatch: pytest.MonkeyPatch) -> None:
    found = a_sensor(monkeypatch, 0.0, FakeSensor())
    assert not found.works
    assert "stands still" in found.reason and found.remedy


def test_an_estimate_works_without_a_figure_of_idling(monkeypatch: pytest.MonkeyPatch) -> None:
    found = a_sensor(monkeypatch, 0.0, FakeSensor(quality="estimated"))
    assert (found.works, found.watts) == (True, None)


def test_a_sensor_that_is_not_there_has_reason_and_remedy() -> None:
    assert doctor.try_sensor("mine", missing) == doctor.SensorFinding(
        "mine", False, reason="no counter [red]here[/red]", remedy="build one in"
    )


@pytest.mark.usefixtures("no_counters")
def test_every_sensor_is_tried_once_and_the_estimate_remains(tmp_path: Path) -> None:
    found = doctor.diagnose("auto", tmp_path)
    assert [one.name for one in found.sensors] == ["RAPL, CPU packages", *GPU_SENSORS, "estimate from CPU seconds"]
    assert [one.works for one in found.sensors] == [False] * 5 + [True]
    assert (found.device, found.energy_quality, found.gpus) == ("cpu", "estimated", [])
    assert found.workers * found.threads <= found.cores
    assert found.precision in ("fp32", "bf16")
    assert {"torch", "open_clip_torch"} <= found.packages.keys()


@pytest.mark.usefixtures("no_counters")
@pytest.mark.parametrize(("workers", "advice"), [(2, True), (1, False)])
def test_a_counter_that_all_workers_share_comes_with_advice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int, advice: bool
) -> None:
    sensor = FakeSensor()
    sensor.shared = True
    for module in ("bench.meter.choice", "bench.doctor"):
        monkeypatch.setattr(f"{module}.Rapl", lambda: sensor)
    monkeypatch.setattr(bench.meter, "time", FakeClock(sensor, watts=42.0))
    monkeypatch.setattr(doctor, "default_workers", lambda device: workers)
    text = ask("--out", str(tmp_path)).output
    assert "+ RAPL, CPU packages: works, covers the test, others are charged to it, too, 42.0 W while idle" in text
    assert ("--workers 1" in text) == advice


@pytest.mark.usefixtures("no_counters")
def test_it_is_readable_as_text_and_complete_as_json(tmp_path: Path) -> None:
    text = ask("--out", str(tmp_path)).output
    assert f"- RAPL, CPU packages; {'; '.join(GPU_SENSORS)}: no counter [red]here[/red]\n" in text  # said once for all
    assert text.count("remedy: build one in") == 1
    assert f"{tmp_path} can be written" in text and f"torch {torch.__version__.split('+')[0]}" in text
    assert all(len(line) < 200 for line in text.splitlines())
    body = json.loads(ask("--json", "--out", str(tmp_path)).output)
    assert body["writable"] is True and body["free_bytes"] > 0
    assert body["sensors"][0]["remedy"] == "build one in"
    assert body.keys() == doctor.Diagnosis.__dataclass_fields__.keys()


@pytest.mark.usefixtures("no_counters")
def test_a_folder_that_is_not_there_yet_is_not_made(tmp_path: Path) -> None:
    found = doctor.diagnose("cpu", tmp_path / "results" / "mine")
    assert found.writable
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("no_counters")
def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    file = tmp_path / "results"
    file.write_text("in the way")
    found = doctor.diagnose("cpu", file)
    assert not found.writable and str(file) in found.out_problem
    assert "choose another folder with --out" in ask("--out", str(file)).output


@pytest.mark.usefixtures("no_counters")
def test_a_mark_that_cannot_be_reset_is_told_with_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.meter.memory.CLEAR_REFS", tmp_path / "nowhere" / "at all")
    found = doctor.diagnose("cpu", tmp_path)
    assert not found.memory_resets
    assert str(CLEAR_REFS) in found.memory_remedy
    assert found.memory_remedy in ask("--out", str(tmp_path)).output


@pytest.mark.usefixtures("no_counters")
@pytest.mark.parametrize(("device", "message"), [("cuda:1", "torch sees 0 GPUs"), ("gpu", "not a device of torch")])
def test_a_device_that_is_not_there_is_one_line_and_exit_code_2(tmp_path: Path, device: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        doctor.diagnose(device, tmp_path)
    result = CliRunner().invoke(main, ["doctor", "--device", device])
    assert result.exit_code == 2
    assert len(result.output.strip().splitlines()) == 1
