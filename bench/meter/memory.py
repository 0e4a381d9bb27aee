"""Peak memory of a stretch of work: CUDA's own peak counter, or the process's high-water mark reset beforehand."""

from __future__ import annotations

import resource
from pathlib import Path

import torch

STATUS = Path("/proc/self/status")
CLEAR_REFS = Path("/proc/self/clear_refs")


class PeakMemory:
    """`reset()` before, `peak()` after; the difference to the value at reset is what the work took."""

    def __init__(self, device: str) -> None:
        self._device = torch.device(device)
        if self._device.type == "cuda":
            self.source = "cuda peak allocated"
        elif _reset_high_water_mark():
            self.source = "process high-water mark"
        else:
            self.source = "process high-water mark since start (can't be reset here)"

    def reset(self) -> int:
        """Start anew; returns the baseline in bytes."""
        if self._device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self._device)
            return torch.cuda.memory_allocated(self._device)
        _reset_high_water_mark()
        return _status("VmRSS") or self.peak()

    def peak(self) -> int:
        """Highest use since the reset, in bytes."""
        if self._device.type == "cuda":
            return torch.cuda.max_memory_allocated(self._device)
        return _status("VmHWM") or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _reset_high_water_mark() -> bool:
    try:
        CLEAR_REFS.write_text("5")
    except OSError:
        return False
    return True


def _status(field: str) -> int | None:
    try:
        for line in STATUS.read_text().splitlines():
            if line.startswith(f"{field}:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return None
