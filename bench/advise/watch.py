"""What is shown while it runs: a status line in a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console

from bench.advise.race import Clock, Search
from bench.plan.grid import Cell
from bench.store.record import Record
from bench.text import plain

PLAIN_EVERY_S = 10.0


class Watch:
    """Is told of cells as they start and finish. Without a search it is the last fit that runs."""

    def __init__(self, console: Console, clock: Clock, search: Search | None) -> None:
        self._console, self._clock, self._search = console, clock, search
        self._status = console.status("starting workers") if console.is_terminal else None
        self._told = time.monotonic()

    def __enter__(self) -> Watch:
        if self._status is not None:
            self._status.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._status is not None:
            self._status.stop()

    def start(self, cell: Cell) -> None:
        if self._status is not None:
            self._status.update(self.describe(cell))

    def finish(self, record: Record) -> None:
        if self._status is None and time.monotonic() - self._told > PLAIN_EVERY_S:
            self._told = time.monotonic()
            self._console.print(self.describe(), markup=False, highlight=False, soft_wrap=True)

    def describe(self, cell: Cell | None = None) -> str:
        """One line of state."""
        left = f"{max(0.0, self._clock.whole - self._clock.spent):.0f} s left"
        now = "" if cell is None else f", now {plain(cell.info.label, 40)}"
        if self._search is None:
            return f"fitting to all examples{now}, {left}"
        leaders = self._search.leaders()
        best = f", best so far {leaders[0].label} {100 * leaders[0].score(self._search.compared):.1f}" if leaders else ""
        return plain(f"{self._search.done} cells{best}{now}, {left}")
