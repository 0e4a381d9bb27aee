"""NVML's total-energy counter of one GPU, found by UUID so that CUDA_VISIBLE_DEVICES can't mislead."""

from __future__ import annotations

from typing import Any

import torch

from bench.record import Quality


class Nvml:
    """Joules of the whole board. The counter ticks about every 100 ms: short windows are not figures."""

    source = "nvml"
    quality: Quality = "measured"
    shortest_window_s = 2.0
    shared: bool | None

    def __init__(self, device: str) -> None:
        """Raises OSError, with the reason, where NVML or its counter isn't there."""
        try:
            import pynvml
        except ImportError as error:
            raise FileNotFoundError("nvidia-ml-py is not installed") from error
        self._device = torch.device(device)
        uuid = str(torch.cuda.get_device_properties(self._device).uuid)
        self._nvml: Any = pynvml
        try:
            pynvml.nvmlInit()
            self._handle = pynvml.nvmlDeviceGetHandleByUUID(uuid if uuid.startswith(("GPU-", "MIG-")) else f"GPU-{uuid}")
            pynvml.nvmlDeviceGetTotalEnergyConsumption(self._handle)
        except pynvml.NVMLError as error:
            raise OSError(f"NVML: {error}") from error
        self.scope = f"GPU {uuid}"
        self.shared = self._others()

    def _others(self) -> bool | None:
        """Whether other processes compute on the board; None where the driver doesn't tell, as in some containers."""
        try:
            return len(self._nvml.nvmlDeviceGetComputeRunningProcesses(self._handle)) > 1
        except self._nvml.NVMLError:
            return None

    def joules(self) -> float:
        torch.cuda.synchronize(self._device)
        return float(self._nvml.nvmlDeviceGetTotalEnergyConsumption(self._handle)) / 1e3
