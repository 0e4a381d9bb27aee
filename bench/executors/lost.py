"""The record of a cell whose worker can't give one any more."""

from __future__ import annotations

import uuid
from typing import Literal

from bench.plan.grid import Cell
from bench.plan.settings import Settings
from bench.store.provenance import now, provenance
from bench.store.record import Failure, Record


def lost(
    settings: Settings,
    cell: Cell,
    status: Literal["timeout", "crashed"],
    message: str,
    started: str | None = None,
    number: int | None = None,
) -> Record:
    """started: UTC, ISO 8601, where it is known. number: of the signal that ended the worker."""
    return Record(
        record_id=uuid.uuid4().hex[:16],
        cell=cell.info,
        status=status,
        error=Failure(phase="worker", type=status, message=message, signal=number),
        provenance=provenance(settings.device, settings.command, started or now(), dict(settings.flags)),
    )
