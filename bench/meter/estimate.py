"""The fallback without any counter: CPU seconds times a stated power per core. Marked as an estimate everywhere."""

from __future__ import annotations

import time

from bench.store.record import Quality

WATTS_PER_CORE = 10.0  # a server core under load, package power divided by cores; an assumption, not a measurement


class CpuSecondsEstimate:
    source = f"CPU seconds x {WATTS_PER_CORE:g} W"
    scope = "this process's CPU time"
    quality: Quality = "estimated"
    shared: bool | None = False
    shortest_window_s = 0.0
    sample_every_s: float | None = None

    def joules(self) -> float:
        return time.process_time() * WATTS_PER_CORE
