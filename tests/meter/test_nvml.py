"""NVML's counter is read in joules for the right board; a fake library stands in for the driver's."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest
import torch

from bench.meter import NoSensor, energy_sensor
from bench.meter.nvml import Nvml, NvmlPower


class FakeNvml:
    """Two boards, whose counters are in millijoules and whose power is in milliwatts, and a part of the second."""

    NVML_DEVICE_MIG_ENABLE = 1

    class NVMLError(Exception):
        pass

    def __init__(self) -> None:
        self.millijoules: dict[str, int | None] = {"GPU-aa": 5_000, "GPU-bb": 70_000}
        self.milliwatts: dict[str, int | None] = {"GPU-aa": 1_000, "GPU-bb": 300_000}
        self.parents = {"MIG-cc": "GPU-bb"}
        self.mig_mode: dict[str, int] = {}
        self.processes: int | None = 1
        self.driver = True

    def nvmlInit(self) -> None:
        if not self.driver:
            raise self.NVMLError("Driver Not Loaded")

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> str:
        if uuid not in self.millijoules and uuid not in self.parents:
            raise self.NVMLError("Not Found")
        return uuid

    def nvmlDeviceGetDeviceHandleFromMigDeviceHandle(self, handle: str) -> str:
        return self.parents[handle]

    def nvmlDeviceGetMigMode(self, handle: str) -> list[int]:
        if handle not in self.mig_mode:
            raise self.NVMLError("Not Supported")
        return [self.mig_mode[handle], 0]

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: str) -> int:
        return self._known(self.millijoules[handle])

    def nvmlDeviceGetPowerUsage(self, handle: str) -> int:
        return self._known(self.milliwatts[handle])

    def _known(self, reading: int | None) -> int:
        if reading is None:
            raise self.NVMLError("Not Supported")
        return reading

    def nvmlDeviceGetComputeRunningProcesses(self, handle: str) -> list[int]:
        return list(range(self._known(self.processes)))


@pytest.fixture
def nvml(monkeypatch: pytest.MonkeyPatch) -> FakeNvml:
    """The process sees the second board as its only one."""
    fake = FakeNvml()
    monkeypatch.setitem(sys.modules, "pynvml", fake)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.version, "hip", None)
    see(monkeypatch, "bb")
    return fake


def see(monkeypatch: pytest.MonkeyPatch, uuid: str) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: SimpleNamespace(uuid=uuid))


def test_joules_are_those_of_the_board_that_torch_uses(nvml: FakeNvml) -> None:
    sensor = Nvml("cuda:0")
    assert sensor.joules() == 70.0
    nvml.millijoules["GPU-bb"] = 72_500
    assert sensor.joules() == 72.5
    assert (sensor.scope, sensor.quality, sensor.source) == ("GPU bb", "measured", "nvml")


@pytest.mark.parametrize(("processes", "shared"), [(1, False), (2, True)])
def test_others_on_the_board_are_told(nvml: FakeNvml, processes: int, shared: bool) -> None:
    nvml.processes = processes
    assert Nvml("cuda").shared is shared


@pytest.mark.parametrize("sensor", [Nvml, NvmlPower])
def test_others_who_come_later_are_seen_and_not_forgotten(nvml: FakeNvml, sensor: type[Nvml | NvmlPower]) -> None:
    made = sensor("cuda")
    assert made.shared is False
    nvml.processes = 2
    assert made.shared is True
    nvml.processes = 1
    assert made.shared is True


def test_a_driver_that_does_not_tell_leaves_it_unknown(nvml: FakeNvml) -> None:
    nvml.processes = None
    assert Nvml("cuda").shared is None


@pytest.mark.parametrize("uuid", ["cc", "MIG-cc"])
def test_a_part_of_a_board_is_charged_with_the_whole_and_says_so(
    nvml: FakeNvml, monkeypatch: pytest.MonkeyPatch, uuid: str
) -> None:
    see(monkeypatch, uuid)
    sensor = Nvml("cuda")
    assert (sensor.joules(), sensor.shared) == (70.0, True)


@pytest.mark.parametrize(("mode", "shared"), [(0, False), (1, True)])
def test_a_board_that_is_divided_is_shared(nvml: FakeNvml, mode: int, shared: bool) -> None:
    nvml.mig_mode["GPU-bb"] = mode
    assert Nvml("cuda").shared is shared


def test_a_board_without_a_counter_has_its_power_integrated(nvml: FakeNvml, monkeypatch: pytest.MonkeyPatch) -> None:
    nvml.millijoules["GPU-bb"] = None
    sensor, reasons = energy_sensor("cuda")
    assert (sensor.quality, sensor.scope) == ("measured", "GPU bb")
    assert "nvml power, integrated" in sensor.source
    assert reasons == ["NVML: nvmlDeviceGetTotalEnergyConsumption: Not Supported"]
    monkeypatch.setattr(sensor, "_clock", lambda: 30.0)
    monkeypatch.setattr(sensor, "_last", (10.0, 100.0))
    assert sensor.joules() == 20 * (100 + 300) / 2


def test_a_board_without_counter_and_power_leaves_the_estimate_with_the_reasons(nvml: FakeNvml) -> None:
    nvml.millijoules["GPU-bb"] = nvml.milliwatts["GPU-bb"] = None
    sensor, reasons = energy_sensor("cuda")
    assert sensor.quality == "estimated"
    assert [reason.split(":")[1] for reason in reasons] == [" nvmlDeviceGetTotalEnergyConsumption", " nvmlDeviceGetPowerUsage"]


def test_a_board_that_is_lost_is_an_error_to_the_meter(nvml: FakeNvml) -> None:
    sensor = Nvml("cuda")
    nvml.millijoules["GPU-bb"] = None
    with pytest.raises(OSError, match="Not Supported"):
        sensor.joules()


def remedy() -> str:
    with pytest.raises(NoSensor) as error:
        Nvml("cuda")
    return f"{error.value} -> {error.value.remedy}"


def test_what_is_missing_is_a_reason_with_a_remedy(nvml: FakeNvml, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "pynvml", None)
        assert remedy() == "nvidia-ml-py is not installed -> pip install nvidia-ml-py"
    with monkeypatch.context() as patch:
        see(patch, "dd")
        assert remedy().startswith("NVML: GPU dd: Not Found -> if there is one, see whether nvidia-smi lists it")
    with monkeypatch.context() as patch:
        patch.setattr(torch.cuda, "is_available", lambda: False)
        patch.setattr(torch.version, "cuda", None)
        assert "without CUDA -> install torch with CUDA" in remedy()
        patch.setattr(torch.version, "cuda", "13.0")
        assert "none is visible -> if there is one, see whether nvidia-smi" in remedy()
    nvml.driver = False
    assert remedy().startswith("NVML: Driver Not Loaded -> install NVIDIA's driver")
