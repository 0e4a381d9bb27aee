"""RAPL package counters of Linux's powercap files: joules of all CPU packages since boot, wrap-around undone.

AMD's processors (Zen and later, since Linux 5.8) are in the same files, which are called intel-rapl there, too.
"""

from __future__ import annotations

import threading
from pathlib import Path

from bench.meter.sensor import NoSensor
from bench.store.record import Quality

POWERCAP = Path("/sys/class/powercap")
CPUINFO = Path("/proc/cpuinfo")

IN_A_VIRTUAL_MACHINE = "this is a virtual machine, which gets no RAPL counters as a rule: measure on the machine itself"
NO_FILES = (
    "load the kernel module (modprobe intel_rapl_msr; it serves Intel, and AMD from Zen and Linux 5.8 on); "
    "in a container, mount /sys/class/powercap and what it links to"
)
NOT_ALLOWED = (
    "sudo chmod a+r /sys/class/powercap/intel-rapl:*/energy_uj, until the next start; or chgrp and chmod g+r in a udev rule, "
    "for a group of yours"
)


class Rapl:
    """Counts what the whole packages draw, other processes included."""

    source = "rapl"
    scope = "CPU packages"
    quality: Quality = "measured"
    shared: bool | None = True
    shortest_window_s = 0.02  # it ticks about every millisecond
    sample_every_s: float | None = 30.0  # a counter of 65 kJ wraps around in under three minutes at 400 W

    def __init__(self, root: Path = POWERCAP) -> None:
        """Raises NoSensor, with the reason, where the counters are missing or may not be read."""
        files = sorted(root.glob("intel-rapl:[0-9]*/energy_uj"))
        self._files = [file for file in files if file.parent.name.count(":") == 1]  # packages, not their parts
        if not self._files:
            raise NoSensor(f"no RAPL counters under {root}", IN_A_VIRTUAL_MACHINE if _in_virtual_machine() else NO_FILES)
        try:
            self._ranges = [int((file.parent / "max_energy_range_uj").read_text()) for file in self._files]
            self._last = [int(file.read_text()) for file in self._files]
        except PermissionError as error:
            raise NoSensor(str(error), NOT_ALLOWED) from error
        except ValueError as error:
            raise NoSensor(f"RAPL counters under {root}: {error}", NO_FILES) from error
        self._total = 0
        self._lock = threading.Lock()

    def joules(self) -> float:
        """Read at least once per turn of the counters, so that none is missed."""
        with self._lock:
            for number, file in enumerate(self._files):
                now = int(file.read_text())
                step = now - self._last[number]
                self._total += step if step >= 0 else step + self._ranges[number]
                self._last[number] = now
            return self._total / 1e6


def _in_virtual_machine() -> bool:
    try:
        flags = next(line for line in CPUINFO.read_text().splitlines() if line.startswith("flags"))
    except (OSError, StopIteration):
        return False
    return "hypervisor" in flags.split()
