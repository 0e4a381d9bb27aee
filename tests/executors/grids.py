"""Small grids, and ways of holding them up."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from bench.backbone import load
from bench.plan.grid import Cell, Request, expand
from bench.plan.registry import find_methods
from bench.plan.settings import Settings
from bench.spec import parse_names
from bench.store.record import Record
from bench.store.store import Store

PLUGIN = Path(__file__).with_name("tiny.py")
SEEDS = (1, 2, 3, 4)


def settings(out: Path, bank: Path) -> Settings:
    return Settings(out, bank, plugins=(PLUGIN,))


def cells(methods: str, seeds: tuple[int, ...] = (1,)) -> list[Cell]:
    request = Request(tuple(parse_names(methods, "methods")), ("digits",), (1,), seeds, quick=True)
    return expand(request, find_methods((PLUGIN,)), load("bundled").fingerprint)


def happens(condition: Callable[[], object], seconds: float) -> bool:
    """Whether `condition()` comes to hold within so many seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def wait_for(condition: Callable[[], object], what: str, seconds: float = 240) -> None:
    """Until `condition()` holds; fails the test with what didn't happen."""
    if not happens(condition, seconds):
        pytest.fail(f"waited {seconds:g} s in vain for {what}")


class Gate:
    """Where fits of `tiny[gate=...]` wait."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        self.method = f"tiny[gate={folder}]"

    def wait(self, count: int) -> None:
        """Until so many fits have come."""
        wait_for(lambda: len(list(self.folder.glob("at-*"))) >= count, f"{count} fits at the gate")

    def let_one(self) -> None:
        """One fit, of those that have come, may go on."""
        waiting = [path for path in self.folder.glob("at-*") if not path.with_name(f"go-{path.name}").exists()]
        waiting[0].with_name(f"go-{waiting[0].name}").touch()

    def open(self) -> None:
        (self.folder / "open").touch()

    def workers(self) -> set[int]:
        """Numbers of the processes that came."""
        return {int(path.name.split("-")[1]) for path in self.folder.glob("at-*")}


class Hand(threading.Thread):
    """Acts while a run goes on. If that fails, the gate is opened, so that the run ends, and `join` raises what it was."""

    def __init__(self, act: Callable[[], object], gate: Gate) -> None:
        super().__init__()
        self._act, self._gate = act, gate
        self._error: BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            self._act()
        except BaseException as error:
            self._error = error
            self._gate.open()

    def join(self, timeout: float | None = None) -> None:
        super().join(timeout)
        if self._error is not None:
            raise self._error


def comparable(record: Record, out: Path) -> dict[str, object]:
    """All that must not depend on where and when a cell ran: without time, memory, energy and provenance."""
    told = msgspec.to_builtins(record)
    for name in ("record_id", "time_s", "energy_j", "memory_bytes", "provenance", "artifacts"):
        told.pop(name)
    if told["training"] is not None:
        for name in ("warmup_s", "steps_per_s", "samples_per_s"):
            told["training"].pop(name)
    if "predictions" in record.artifacts:
        with np.load(out / record.artifacts["predictions"]) as arrays:
            told["predictions"] = {name: (array.dtype.str, array.shape, array.tobytes()) for name, array in arrays.items()}
    return told  # type: ignore[no-any-return]


def without_gate(record: Record, out: Path) -> dict[str, Any]:
    """Comparable, whatever gate the method `tiny` was given: without its parameters, and the size of a file that names them."""
    told: dict[str, Any] = comparable(record, out)
    told["cell"] |= {"params": None, "label": None}
    told["parameters"].pop("stored_bytes")
    return told


def assert_equal(records: Iterable[Record], out: Path, expected: Mapping[int, Mapping[str, object]]) -> None:
    """By seed, to the bit."""
    found = {record.cell.seed: without_gate(record, out) for record in records}
    assert found.keys() == expected.keys()
    for seed, told in found.items():
        assert [name for name in told if told[name] != expected[seed][name]] == []


def by_cell(out: Path) -> dict[tuple[str, str], dict[str, object]]:
    """By method and task, what is comparable of a results folder's records."""
    return {(record.cell.label, record.cell.task): comparable(record, out) for record in Store(out).read()}


def assert_same_grid(out: Path, expected: Mapping[tuple[str, str], Mapping[str, object]]) -> None:
    """To the bit."""
    found = by_cell(out)
    assert found.keys() == expected.keys()
    different = {cell: [name for name in told if told[name] != expected[cell].get(name)] for cell, told in found.items()}
    assert {cell: names for cell, names in different.items() if names} == {}
