"""What an energy sensor is."""

from __future__ import annotations

from typing import Protocol

from bench.record import Quality


class Sensor(Protocol):
    """A counter of joules that only grows. One file per sensor; a fake one serves the tests."""

    source: str  # what the record says of where the figure comes from
    scope: str  # what the counter covers
    quality: Quality
    shared: bool | None  # whether others may be charged to the same counter; None: not known
    shortest_window_s: float  # below this a difference of two readings means nothing

    def joules(self) -> float:
        """The counter's present value."""
        ...
