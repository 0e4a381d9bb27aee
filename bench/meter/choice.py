"""Which energy sensor serves which device."""

from __future__ import annotations

from collections.abc import Callable

import torch

from bench.meter.amd import AmdEnergy, AmdPower
from bench.meter.estimate import CpuSecondsEstimate
from bench.meter.nvml import Nvml, NvmlPower
from bench.meter.rapl import Rapl
from bench.meter.sensor import Sensor

Candidate = tuple[str, Callable[[], Sensor]]


def candidates(device: str) -> list[Candidate]:
    """The sensors that measure a device, by name, the best first. ROCm's torch calls AMD's GPUs cuda, too."""
    if torch.device(device).type != "cuda":
        return [("RAPL, CPU packages", Rapl)]
    if torch.version.hip:
        return amd_candidates(device)
    return nvidia_candidates(device)


def nvidia_candidates(device: str) -> list[Candidate]:
    return [("NVML, energy counter", lambda: Nvml(device)), ("NVML, integrated power", lambda: NvmlPower(device))]


def amd_candidates(device: str) -> list[Candidate]:
    return [("amdgpu, energy counter", lambda: AmdEnergy(device)), ("amdgpu, integrated power", lambda: AmdPower(device))]


def energy_sensor(device: str) -> tuple[Sensor, list[str]]:
    """The best energy sensor that works here, and why the better ones don't."""
    reasons: list[str] = []
    for _, candidate in candidates(device):
        try:
            return candidate(), reasons
        except OSError as error:
            reasons.append(str(error))
    return CpuSecondsEstimate(), list(dict.fromkeys(reasons))
