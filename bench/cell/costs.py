"""What a cell cost, as its record says it."""

from __future__ import annotations

from typing import TypeVar

from bench.features.bank import Account
from bench.meter import Meter, Usage
from bench.store.record import Bytes, Joules, Seconds

Figure = TypeVar("Figure", int, float)


def costs(
    account: Account, fit: Usage, predict: Usage, meter: Meter, repeated: dict[str, int] | None = None
) -> tuple[Seconds, Joules, Bytes]:
    """The record's `time_s`, `energy_j` and `memory_bytes`; stand-alone, as the bank's part is what it would cost alone.

    repeated: how often phases were run for their joules, where more than once.
    """
    parts = {"bank": account.usage, "fit": fit, "predict": predict}
    total = Usage()
    for usage in parts.values():
        total.add(usage)
    sensor, spent = meter.sensor, meter.joules_of(total)
    known = spent is not None
    seconds = Seconds(
        **{name: usage.seconds for name, usage in parts.items()},
        total=total.seconds,
        cpu=fit.cpu_seconds + predict.cpu_seconds,
        bank_spent=account.spent.seconds,
        cpu_per_phase={name: usage.cpu_seconds for name, usage in parts.items()},
        device_per_phase=_per_phase({name: usage.device_seconds for name, usage in parts.items()}),
    )
    joules = Joules(
        **{name: meter.joules_of(usage) for name, usage in parts.items()},
        total=spent,
        quality=sensor.quality if known else "unavailable",
        source=sensor.source if known else f"{sensor.source}: {meter.why_no_joules}",
        scope=sensor.scope,
        shared=sensor.shared,
        window_s=total.seconds,
        repeated=repeated,
        idle_watts=meter.idle_watts,
    )
    memory = Bytes(
        **{name: usage.peak_bytes for name, usage in parts.items()},
        total=total.peak_bytes,
        baseline=fit.baseline_bytes,
        reserved_per_phase=_per_phase({name: usage.reserved_bytes for name, usage in parts.items()}),
        source=meter.memory.source,
    )
    return seconds, joules, memory


def _per_phase(figures: dict[str, Figure | None]) -> dict[str, Figure | None] | None:
    """None where no phase has the figure."""
    return None if all(figure is None for figure in figures.values()) else figures
