"""NVIDIA GPUs: NVML's total-energy counter, or the integral of its power reading where there is no such counter.

The board is found by UUID, so that CUDA_VISIBLE_DEVICES can't mislead. Both are of the whole board, also where the
process has only a part of it (MIG).
"""

from __future__ import annotations

from typing import Any

import torch

from bench.meter.power import PowerIntegral
from bench.meter.sensor import NoSensor
from bench.store.record import Quality

NO_COUNTER = "the total-energy counter needs a Volta or newer board; its power reading is integrated instead, where it has one"
NO_POWER = "this board or its driver tells no power: joules of the GPU can't be measured here"
NO_DRIVER = "install NVIDIA's driver; in a container, pass it through with the capability 'utility'"
NO_BOARD = "if there is one, see whether nvidia-smi lists it; in a container, pass it through with the capability 'utility'"


class NvmlDevice:
    """One GPU as NVML sees it."""

    def __init__(self, device: str) -> None:
        """Raises NoSensor, with the reason, where NVML or the board isn't there."""
        try:
            import pynvml
        except ImportError as error:
            raise NoSensor("nvidia-ml-py is not installed", "pip install nvidia-ml-py") from error
        if not torch.cuda.is_available():
            built = "none is visible" if torch.version.cuda else "this torch is built without CUDA"
            raise NoSensor(f"no NVIDIA GPU for torch: {built}", NO_BOARD if torch.version.cuda else "install torch with CUDA")
        self._nvml: Any = pynvml
        uuid = str(torch.cuda.get_device_properties(torch.device(device)).uuid)
        try:
            pynvml.nvmlInit()
        except pynvml.NVMLError as error:
            raise NoSensor(f"NVML: {error}", NO_DRIVER) from error
        self.scope = f"GPU {uuid}"
        self._handle, self._divided = self._find(uuid)
        self._shared = self._others()

    def _find(self, uuid: str) -> tuple[Any, bool]:
        """The whole board's handle, and whether it is divided among several by MIG. torch leaves out the UUID's prefix."""
        nvml, reason = self._nvml, ""
        for name in [uuid] if uuid.startswith(("GPU-", "MIG-")) else [f"GPU-{uuid}", f"MIG-{uuid}"]:
            try:
                handle = nvml.nvmlDeviceGetHandleByUUID(name)
                if name.startswith("MIG-"):
                    return nvml.nvmlDeviceGetDeviceHandleFromMigDeviceHandle(handle), True
                return handle, self._in_mig_mode(handle)
            except nvml.NVMLError as error:
                reason = reason or str(error)
        raise NoSensor(f"NVML: GPU {uuid}: {reason}", NO_BOARD)

    def _in_mig_mode(self, handle: Any) -> bool:
        try:
            return self._nvml.nvmlDeviceGetMigMode(handle)[0] == self._nvml.NVML_DEVICE_MIG_ENABLE
        except self._nvml.NVMLError:  # boards that can't be divided don't know the question
            return False

    def _others(self) -> bool | None:
        """Whether other processes compute on the board; None where the driver doesn't tell, as in some containers."""
        if self._divided:
            return True
        try:
            return len(self._nvml.nvmlDeviceGetComputeRunningProcesses(self._handle)) > 1
        except self._nvml.NVMLError:
            return None

    def shared(self) -> bool | None:
        """Asked anew each time, as others come and go; once shared, it stays so for this process's figures."""
        self._shared = self._shared or self._others()
        return self._shared

    def joules(self) -> float:
        return self._read("nvmlDeviceGetTotalEnergyConsumption", NO_COUNTER)

    def watts(self) -> float:
        return self._read("nvmlDeviceGetPowerUsage", NO_POWER)

    def _read(self, question: str, remedy: str) -> float:
        """NVML counts in thousandths."""
        try:
            return float(getattr(self._nvml, question)(self._handle)) / 1e3
        except self._nvml.NVMLError as error:
            raise NoSensor(f"NVML: {question}: {error}", remedy) from error


class Nvml:
    """Joules since the driver was loaded. The counter ticks about every 100 ms: short windows are not figures."""

    source = "nvml"
    quality: Quality = "measured"
    shortest_window_s = 2.0
    sample_every_s: float | None = None

    def __init__(self, device: str) -> None:
        """Raises NoSensor, with the reason, where NVML or its counter isn't there."""
        self._board = NvmlDevice(device)
        self.scope = self._board.scope
        self._board.joules()

    @property
    def shared(self) -> bool | None:
        return self._board.shared()

    def joules(self) -> float:
        return self._board.joules()


class NvmlPower(PowerIntegral):
    """For boards without the counter."""

    source = f"nvml power, integrated over readings every {PowerIntegral.sample_every_s} s"

    def __init__(self, device: str) -> None:
        """Raises NoSensor, with the reason, where NVML or the power reading isn't there."""
        self._board = NvmlDevice(device)
        self.scope = self._board.scope
        super().__init__(self._board.watts)

    @property
    def shared(self) -> bool | None:
        return self._board.shared()
