"""Peak memory of a stretch of work: CUDA's own peak counters, or the process's high-water mark reset beforehand.

glibc keeps most of what is freed, so that a process that has once been large serves later work out of what it already
holds, and the mark doesn't rise. Freed memory is therefore given back to the system before each look at what is in use.
"""

from __future__ import annotations

import ctypes
import resource
from pathlib import Path

import torch

STATUS = Path("/proc/self/status")
CLEAR_REFS = Path("/proc/self/clear_refs")


class PeakMemory:
    """`reset()` before, `peak()` after; the difference to the value at reset is what the work took."""

    def __init__(self, device: str) -> None:
        self._device = torch.device(device)
        self.resettable = self._device.type == "cuda" or _reset_high_water_mark()
        if self._device.type == "cuda":
            self.source = "cuda peak allocated"
        elif self.resettable and _give_back_freed():
            self.source = "process high-water mark, freed memory given back before"
        elif self.resettable:
            self.source = "process high-water mark"
        else:
            self.source = "process high-water mark since start (can't be reset here)"

    def release(self) -> None:
        """Give back what CUDA's allocator only keeps for later, so that what a cell reserves is its own."""
        if self._device.type == "cuda":
            torch.cuda.empty_cache()

    def reset(self) -> int:
        """Start anew; returns the baseline in bytes."""
        baseline = self.in_use()
        if self._device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self._device)
        else:
            _reset_high_water_mark()
        return baseline

    def in_use(self) -> int:
        """Bytes in use now."""
        if self._device.type == "cuda":
            return torch.cuda.memory_allocated(self._device)
        _give_back_freed()
        return _status("VmRSS") or self.peak()

    def peak(self) -> int:
        """Highest use since the reset, in bytes."""
        if self._device.type == "cuda":
            return torch.cuda.max_memory_allocated(self._device)
        return _status("VmHWM") or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

    def reserved(self) -> int | None:
        """Most that CUDA's allocator held since the reset, in use or not, in bytes; None on a CPU."""
        return torch.cuda.max_memory_reserved(self._device) if self._device.type == "cuda" else None


def _reset_high_water_mark() -> bool:
    try:
        CLEAR_REFS.write_text("5")
    except OSError:
        return False
    return True


def _give_back_freed() -> bool:
    """False where the system's C library has no such function."""
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (OSError, AttributeError):
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
