"""Axes of small panels: where a value stands, and the few round values that are written beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from matplotlib.ticker import LogLocator, MaxNLocator
from numpy.typing import ArrayLike, NDArray

from bench.report.text.display import brief

Tick = tuple[float, str]
# Up to which ratio of the ends -> multiples of powers of ten that get a tick.
_BETWEEN = (
    (6.0, (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0)),
    (300.0, (1.0, 2.0, 5.0)),
    (30_000.0, (1.0, 3.0)),
    (float("inf"), (1.0,)),
)


@dataclass(frozen=True)
class Scale:
    """From `low` to `high`, in units of the data; both are positive on a logarithmic one."""

    low: float
    high: float
    log: bool = False
    ticks: Sequence[Tick] = field(default=())
    zero: float | None = None  # where 0 stands on a logarithmic scale, which has no place for it

    def share(self, values: ArrayLike) -> NDArray[np.floating]:
        """0 at `low`, 1 at `high`; what lies beyond is beyond."""
        low, high, given = self.low, self.high, np.asarray(values, dtype=float)
        if self.zero is not None:
            given = np.where(given > 0, given, self.zero)
        if self.log:
            low, high, given = np.log(low), np.log(high), np.log(given)
        return (given - low) / (high - low)


def linear(low: float, high: float, ticks: int = 5) -> Scale:
    """With at most so many intervals between round values."""
    found = [value for value in MaxNLocator(ticks, steps=[1, 2, 5, 10]).tick_values(low, high) if low <= value <= high]
    return Scale(low, high, ticks=[(float(value), f"{value:g}") for value in found])


def logarithmic(low: float, high: float) -> Scale:
    """With ticks at 1, 2, 5 and their powers of ten, and a little room at both ends."""
    low, high = low / 1.15, high * 1.15
    return Scale(low, high, log=True, ticks=_powers(low, high))


def named(ticks: Sequence[Tick], room: float = 0.5) -> Scale:
    """Places 0, 1, 2, ... by name, with room at both ends."""
    return Scale(-room, len(ticks) - 1 + room, ticks=ticks)


def cost_scale(costs: Sequence[float]) -> Scale:
    """Logarithmic, with a place of its own for zero, a step left of the smallest cost."""
    positive = [cost for cost in costs if cost > 0] or [1.0]
    low, high = min(positive), max(positive)
    zero = low / max(3.0, (high / low) ** 0.15) if min(costs) <= 0 else None
    room = min(1.6, max(1.15, (high / low) ** 0.08))
    start, end = (low if zero is None else zero) / room, high * room
    if zero is None:
        return Scale(start, end, log=True, ticks=_powers(start, end))
    return Scale(start, end, log=True, ticks=[(zero, "0"), *_powers(1.8 * zero, end)], zero=zero)  # clear of the 0


def _powers(low: float, high: float) -> list[Tick]:
    """Powers of ten, with more between them the fewer there are."""
    between = next(found for most, found in _BETWEEN if high / low <= most)
    values = LogLocator(subs=between, numticks=16).tick_values(low, high)
    return [(float(value), brief(float(f"{value:.3g}"))) for value in values if low <= value <= high]
