"""What a results folder holds."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bench.store.record import CellInfo, Record
from bench.store.shards import folder_shards, read_lines
from bench.store.store import newest

Place = tuple[str, str]  # label of the method, task


@dataclass
class Tally:
    """Cells of one method on one task."""

    ok: int = 0
    failed: int = 0
    not_applicable: int = 0
    older: int = 0  # of all these, made with method code that is not the present one


@dataclass(frozen=True)
class Failures:
    """Cells that failed in the same way."""

    status: str
    phase: str
    type: str
    message: str
    cells: tuple[Place, ...]


@dataclass
class Holding:
    records: int = 0
    overtaken: int = 0  # records of cells that have a later one, or one that succeeded
    places: dict[Place, Tally] = field(default_factory=dict)
    failures: list[Failures] = field(default_factory=list)  # the most frequent first
    unknown: dict[str, int] = field(default_factory=dict)  # methods that are not registered here -> cells
    last: str | None = None  # when the last record was finished; UTC, ISO 8601
    problems: list[str] = field(default_factory=list)  # lines that can't be read

    @property
    def total(self) -> Tally:
        found = Tally()
        for tally in self.places.values():
            for name in ("ok", "failed", "not_applicable", "older"):
                setattr(found, name, getattr(found, name) + getattr(tally, name))
        return found

    def as_data(self) -> dict[str, Any]:
        """For JSON."""
        cells = [{"method": label, "task": task, **asdict(tally)} for (label, task), tally in sorted(self.places.items())]
        about = {"records": self.records, "overtaken": self.overtaken, "last": self.last, "unknown": self.unknown}
        failures = [asdict(group) for group in self.failures]
        return {**about, "total": asdict(self.total), "cells": cells, "failures": failures, "problems": self.problems}


def told_progress(path: Path, every: float = 1.0, stale: float = 600.0) -> Iterator[str]:
    """What a run says of itself in a file, whenever it changes, until the file is gone or nobody writes to it any more.

    every: seconds between two looks. stale: seconds after which a file is one that a killed run has left.
    """
    last = ""
    while True:
        try:
            line, age = path.read_text(encoding="utf-8").strip(), time.time() - path.stat().st_mtime
        except OSError:
            yield "no run is at it" if not last else "the run has ended"
            return
        if age > stale:
            yield f"{line} (told {age / 60:.0f} min ago: a killed run, or a very long cell)"
            return
        if line != last:
            yield line
            last = line
        time.sleep(every)


def status(out: Path, code: Callable[[CellInfo], str | None]) -> Holding:
    """What the store in `out` holds.

    code: what a cell's `method_code` would be now, None where nothing is known of its method. A cell that was run again with
    newer code counts once. Raises UsageError for a folder without records, StoreError for one that can't be read.
    """
    found = Holding()
    records: dict[str, Record] = {}
    for line in read_lines(folder_shards(out)):
        if line.record is None:
            found.problems.append(line.problem or "")
        else:
            records[line.record.record_id] = line.record
    current = newest(records.values())
    found.records, found.overtaken = len(records), len(records) - len(current)
    found.last = max((record.provenance.finished for record in records.values() if record.provenance), default=None)
    unknown: Counter[str] = Counter()
    failures: dict[tuple[str, str, str, str], list[Place]] = {}
    for record in current.values():
        cell = record.cell
        tally = found.places.setdefault((cell.label, cell.task), Tally())
        if record.status == "ok":
            tally.ok += 1
        elif record.status == "not_applicable":
            tally.not_applicable += 1
        else:
            tally.failed += 1
            error = record.error
            why = ("", "", "") if error is None else (error.phase, error.type, error.message)
            failures.setdefault((record.status, *why), []).append((cell.label, cell.task))
        present = code(cell)
        if present is None:
            unknown[cell.method] += 1
        elif present != cell.method_code:
            tally.older += 1
    found.unknown = dict(unknown)
    grouped = [Failures(*key, cells=tuple(cells)) for key, cells in failures.items()]
    found.failures = sorted(grouped, key=lambda group: (-len(group.cells), group.status, group.type, group.message))
    return found
