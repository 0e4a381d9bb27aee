"""One bank and one undisturbed run for all tests of executors."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.executors.drive import drive
from bench.executors.local import LocalExecutor
from bench.executors.schedule import Schedule
from bench.store.store import Store
from tests.executors.drivers import run_quick
from tests.executors.grids import SEEDS, Gate, by_cell, cells, settings, without_gate


@pytest.fixture(scope="session")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bank")


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    return Gate(tmp_path / "gate")


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, bank: Path) -> dict[int, dict[str, object]]:
    """By seed, what the local executor records of the small grid, but for what may differ."""
    out = tmp_path_factory.mktemp("undisturbed")
    store = Store(out)
    store.prepare()
    drive(LocalExecutor(settings(out, bank)), Schedule(cells("tiny", SEEDS)), store)
    return {record.cell.seed: without_gate(record, out) for record in store.read()}


@pytest.fixture(scope="session")
def quick_grid(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], dict[str, object]]:
    """By method and task, what the local executor records of a head and an encoder method on each kind of task."""
    out = tmp_path_factory.mktemp("quick") / "out"
    run_quick(out, "--executor", "local", "--workers", "1")
    found = by_cell(out)
    kinds = {told["cell"]["kind"] for told in found.values() if told["status"] == "ok"}  # type: ignore[index]
    assert kinds == {"classification", "pair", "retrieval"} and len(found) == 6
    return found
