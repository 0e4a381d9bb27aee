"""One bank and one undisturbed run for all tests of executors."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.executors.drive import drive
from bench.executors.local import LocalExecutor
from bench.executors.schedule import Schedule
from bench.store import Store
from tests.executors.grids import SEEDS, Gate, cells, comparable, settings


@pytest.fixture(scope="session")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bank")


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    return Gate(tmp_path / "gate")


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, bank: Path) -> dict[int, dict[str, object]]:
    """By seed, what the local executor records of the small grid, but for time, memory, energy and provenance."""
    out = tmp_path_factory.mktemp("undisturbed")
    store = Store(out)
    store.prepare()
    drive(LocalExecutor(settings(out, bank)), Schedule(cells("tiny", SEEDS)), store)
    return {record.cell.seed: comparable(record, out) for record in store.read()}
