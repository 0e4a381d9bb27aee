"""The doctor says what works, why the rest doesn't and what would mend it, and leaves nothing behind."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result

import bench.meter
from bench.checks import access
from bench.checks import machine as doctor
from bench.cli import main
from bench.errors import UsageError
from bench.meter import NoSensor, Sensor
from bench.meter.memory import CLEAR_REFS
from tests.meter.fakes import FakeClock, FakeSensor
from tests.tasks.catalog.miniature import write_layout
from tests.tasks.catalog.test_layouts import BY_NAME

GPU_SENSORS = ["NVML, energy counter", "NVML, integrated power", "amdgpu, energy counter", "amdgpu, integrated power"]


@pytest.fixture(autouse=True)
def no_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test asks the hub."""
    monkeypatch.setattr(
        "bench.checks.access.ask_hub", lambda: ("https://hub.example", "https://hub.example doesn't answer", "mend it")
    )


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
    monkeypatch.setattr("bench.checks.machine.Rapl", missing)


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
    for module in ("bench.meter.choice", "bench.checks.machine"):
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


@pytest.mark.usefixtures("no_counters")
def test_the_data_root_is_looked_through_and_the_hub_asked(tmp_path: Path) -> None:
    entry = BY_NAME["dtd"]
    assert entry.disk is not None and BY_NAME["eurosat"].disk is not None
    write_layout(tmp_path / "data", entry.disk)
    (write_layout(tmp_path / "data", BY_NAME["eurosat"].disk) / BY_NAME["eurosat"].disk.index).unlink()
    text = ask("--out", str(tmp_path), "--data-root", str(tmp_path / "data")).output
    assert f"{tmp_path / 'data'}, ready in it: dtd" in text
    assert "- eurosat: eurosat/ lacks split_zhou_EuroSAT.json" in text
    assert "hub         https://hub.example doesn't answer" in text and "remedy: mend it" in text
    body = json.loads(ask("--json", "--out", str(tmp_path), "--data-root", str(tmp_path / "data")).output)
    assert body["data"]["ready"] == ["dtd"] and list(body["data"]["incomplete"]) == ["eurosat"]


def test_without_a_data_root_or_with_a_wrong_one_there_is_a_remedy(tmp_path: Path) -> None:
    for root, problem in ((None, "no data root"), (tmp_path / "nowhere", "no such folder")):
        found = access.data_access(root)
        assert problem in found.problem and "--data-root" in found.remedy
        assert found.ready == [] and found.incomplete == {}


def test_an_offline_hub_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()  # the hub of the other tests
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.get_session", lambda: pytest.fail("the hub was asked"))
    address, problem, remedy = access.ask_hub()
    assert problem == f"{address} isn't asked, as HF_HUB_OFFLINE is set" and "HF_HUB_OFFLINE" in remedy


@pytest.mark.parametrize("answer", [OSError("name or service\nnot known"), None])
def test_a_hub_that_does_not_answer_has_a_remedy(answer: Exception | None, monkeypatch: pytest.MonkeyPatch) -> None:
    class Session:
        def head(self, address: str, timeout: float) -> Session:
            assert timeout <= 10
            if answer is not None:
                raise answer
            return self

        def raise_for_status(self) -> None:
            return

    monkeypatch.undo()
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.get_session", Session)
    _, problem, remedy = access.ask_hub()
    assert bool(problem) == bool(remedy) == (answer is not None)
    assert "\n" not in problem
