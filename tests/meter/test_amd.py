"""AMD's boards are read from the amdgpu driver's files; a fake folder stands in for them."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from bench.meter import NoSensor, Sensor
from bench.meter.amd import AmdEnergy, AmdPower
from bench.meter.choice import energy_sensor


def board(root: Path, number: int, address: str, name: str = "amdgpu", **files: str) -> Path:
    pci = root / "devices" / address
    pci.mkdir(parents=True, exist_ok=True)
    folder = root / "hwmon" / f"hwmon{number}"
    folder.mkdir(parents=True)
    (folder / "device").symlink_to(pci)
    (folder / "name").write_text(f"{name}\n")
    for file, value in files.items():
        (folder / file).write_text(f"{value}\n")
    return folder


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """torch's GPU is the one at 0000:0c:00.0."""
    about = SimpleNamespace(pci_domain_id=0, pci_bus_id=12, pci_device_id=0)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: about)


@pytest.mark.usefixtures("gpu")
def test_the_energy_counter_of_the_board_that_torch_uses(tmp_path: Path) -> None:
    board(tmp_path, 0, "0000:03:00.0", energy1_input="1")
    board(tmp_path, 1, "0000:0c:00.0", "nvme", energy1_input="2")
    folder = board(tmp_path, 2, "0000:0c:00.0", energy1_input="5000000")
    sensor: Sensor = AmdEnergy("cuda", tmp_path / "hwmon")
    assert sensor.joules() == 5.0
    (folder / "energy1_input").write_text("7500000\n")
    assert sensor.joules() == 7.5
    assert (sensor.scope, sensor.quality, sensor.shared) == ("GPU at PCI 0000:0c:00.0", "measured", None)


@pytest.mark.usefixtures("gpu")
@pytest.mark.parametrize("file", ["power1_average", "power1_input"])
def test_a_board_without_a_counter_has_its_power_integrated(tmp_path: Path, file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = board(tmp_path, 0, "0000:0c:00.0", **{file: "40000000"})
    with pytest.raises(NoSensor, match="no energy1_input") as error:
        AmdEnergy("cuda", tmp_path / "hwmon")
    assert "integrated" in error.value.remedy
    sensor: Sensor = AmdPower("cuda", tmp_path / "hwmon")
    assert "integrated" in sensor.source
    monkeypatch.setattr(sensor, "_clock", lambda: 10.0)
    monkeypatch.setattr(sensor, "_last", (4.0, 20.0))
    (folder / file).write_text("60000000\n")
    assert sensor.joules() == 6 * (20 + 60) / 2


@pytest.mark.usefixtures("gpu")
def test_a_board_that_tells_neither_says_so(tmp_path: Path) -> None:
    folder = board(tmp_path, 0, "0000:0c:00.0", power1_average="n/a")
    with pytest.raises(NoSensor, match="power1_average") as error:
        AmdPower("cuda", tmp_path / "hwmon")
    assert "can't be measured" in error.value.remedy
    (folder / "power1_average").unlink()
    with pytest.raises(NoSensor, match="has no power1_average or power1_input"):
        AmdPower("cuda", tmp_path / "hwmon")


@pytest.mark.usefixtures("gpu")
def test_a_board_elsewhere_is_not_taken_for_torchs_own(tmp_path: Path) -> None:
    board(tmp_path, 0, "0000:03:00.0", energy1_input="1")
    with pytest.raises(NoSensor, match=r"at PCI 0000:0c:00.0, the amdgpu driver's are at 0000:03:00.0"):
        AmdEnergy("cuda", tmp_path / "hwmon")


def test_without_the_driver_the_remedy_is_to_load_it(tmp_path: Path) -> None:
    with pytest.raises(NoSensor, match="no board of the amdgpu driver") as error:
        AmdEnergy("cuda", tmp_path)
    assert "modprobe amdgpu" in error.value.remedy


def test_where_torch_does_not_tell_the_address_a_single_board_is_the_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: SimpleNamespace())
    board(tmp_path, 0, "0000:03:00.0", energy1_input="3000000")
    assert AmdEnergy("cuda", tmp_path / "hwmon").joules() == 3.0
    board(tmp_path, 1, "0000:04:00.0", energy1_input="1")
    with pytest.raises(NoSensor, match="at PCI unknown"):
        AmdEnergy("cuda", tmp_path / "hwmon")


@pytest.mark.usefixtures("gpu")
def test_rocms_torch_gets_amds_sensors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    board(tmp_path, 0, "0000:0c:00.0", power1_average="40000000")
    root = tmp_path / "hwmon"
    monkeypatch.setattr(torch.version, "hip", "6.3")
    monkeypatch.setattr("bench.meter.choice.AmdEnergy", lambda device: AmdEnergy(device, root))
    monkeypatch.setattr("bench.meter.choice.AmdPower", lambda device: AmdPower(device, root))
    sensor, reasons = energy_sensor("cuda")
    assert sensor.source.startswith("amdgpu power, integrated")
    assert len(reasons) == 1 and "no energy1_input" in reasons[0]
