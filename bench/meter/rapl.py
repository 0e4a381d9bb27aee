"""RAPL package counters of Linux's powercap files: joules of all CPU packages since boot, wrap-around undone."""

from __future__ import annotations

from pathlib import Path

from bench.record import Quality

POWERCAP = Path("/sys/class/powercap")


class Rapl:
    """Counts what the whole packages draw, other processes included. Read at least once a minute under load."""

    source = "rapl"
    scope = "CPU packages"
    quality: Quality = "measured"
    shared: bool | None = True
    shortest_window_s = 0.1

    def __init__(self, root: Path = POWERCAP) -> None:
        """Raises OSError, with the reason, where the counters are missing or may not be read."""
        self._files = sorted(root.glob("intel-rapl:[0-9]*/energy_uj"))
        self._files = [file for file in self._files if file.parent.name.count(":") == 1]  # packages, not their parts
        if not self._files:
            raise FileNotFoundError(f"no RAPL counters under {root}")
        self._ranges = [int((file.parent / "max_energy_range_uj").read_text()) for file in self._files]
        self._last = [int(file.read_text()) for file in self._files]
        self._total = 0

    def joules(self) -> float:
        for number, file in enumerate(self._files):
            now = int(file.read_text())
            step = now - self._last[number]
            self._total += step if step >= 0 else step + self._ranges[number]
            self._last[number] = now
        return self._total / 1e6
