"""Runs cells inside one process and gives a record for each, whatever happens. The same worker serves every executor."""

from __future__ import annotations

from bench.cell.attempt import Attempt
from bench.cell.shared import Shared
from bench.plan.grid import Cell
from bench.store.record import Record


class Worker(Shared):
    """Runs one cell after another."""

    def run(self, cell: Cell) -> Record:
        """One attempt. Never raises for what goes wrong inside the cell."""
        return Attempt(self, cell).record()
