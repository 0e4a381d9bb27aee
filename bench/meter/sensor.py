"""What an energy sensor is."""

from __future__ import annotations

from typing import Protocol

from bench.store.record import Quality


class NoSensor(OSError):
    """A sensor that doesn't work here: why, and what would make it work."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.remedy = remedy


class Sensor(Protocol):
    """A counter of joules that only grows. One file per sensor; a fake one serves the tests."""

    source: str  # what the record says of where the figure comes from
    scope: str  # what the counter covers
    quality: Quality
    shortest_window_s: float  # twenty ticks of the counter: below this a difference of two readings means nothing
    sample_every_s: float | None  # seconds after which it must be read again while a measurement is open; None: never

    @property
    def shared(self) -> bool | None:
        """Whether others may be charged to the same counter; None: not known."""
        ...

    def joules(self) -> float:
        """The counter's present value; may be called from several threads. Raises OSError where it can't be read."""
        ...
