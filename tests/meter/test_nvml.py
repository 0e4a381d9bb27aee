"""NVML's counter is read in joules for the right board; a fake library stands in for the driver's."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from bench.meter import energy_sensor
from bench.meter.nvml import Nvml


class FakeNvml:
    """Two boards, whose counters are in millijoules."""

    class NVMLError(Exception):
        pass

    def __init__(self) -> None:
        self.millijoules: dict[str, int | None] = {"GPU-aa": 5_000, "GPU-bb": 70_000}
        self.processes = 1

    def nvmlInit(self) -> None: ...

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> str:
        if uuid not in self.millijoules:
            raise self.NVMLError("Not Found")
        return uuid

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: str) -> int:
        reading = self.millijoules[handle]
        if reading is None:
            raise self.NVMLError("Not Supported")
        return reading

    def nvmlDeviceGetComputeRunningProcesses(self, handle: str) -> list[int]:
        return list(range(self.processes))


@pytest.fixture
def nvml(monkeypatch: pytest.MonkeyPatch) -> FakeNvml:
    """The process sees the second board as its only one."""
    fake = FakeNvml()
    monkeypatch.setitem(sys.modules, "pynvml", fake)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: SimpleNamespace(uuid="bb"))
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device: None)
    return fake


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


def test_work_is_done_before_the_counter_is_read(nvml: FakeNvml, monkeypatch: pytest.MonkeyPatch) -> None:
    sensor = Nvml("cuda")

    def finish(device: Any) -> None:
        nvml.millijoules["GPU-bb"] = 99_000

    monkeypatch.setattr(torch.cuda, "synchronize", finish)
    assert sensor.joules() == 99.0


def test_a_board_without_a_counter_falls_back_to_the_estimate_with_the_reason(nvml: FakeNvml) -> None:
    nvml.millijoules["GPU-bb"] = None
    sensor, reasons = energy_sensor("cuda")
    assert (sensor.quality, reasons) == ("estimated", ["NVML: Not Supported"])


def test_a_missing_library_is_a_reason(nvml: FakeNvml, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    with pytest.raises(OSError, match="nvidia-ml-py is not installed"):
        Nvml("cuda")
