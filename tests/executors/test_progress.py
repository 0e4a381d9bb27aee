"""The time that is left, against a grid whose cells take what they take."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

import bench.executors.progress
from bench.executors.progress import Display
from bench.plan.grid import Cell
from bench.spec import Named
from bench.store.record import CellInfo, Record
from tests.factories import make_cell, make_record


def cells(count: int) -> list[Cell]:
    return [Cell(make_cell(seed=seed), Named("any"), "a") for seed in range(count)]


def record(cell: Cell) -> Record:
    return make_record(cell=cell.info)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(bench.executors.progress.time, "monotonic", lambda: now[0])
    return now


def long_first(cell: CellInfo) -> float:
    return 8.0 if cell.seed < 4 else 1.0


def display(all_: list[Cell]) -> Display:
    return Display(Console(file=io.StringIO()), all_, long_first)


def test_it_is_weighted_by_estimates_and_corrected_by_what_was_spent(clock: list[float]) -> None:
    all_ = cells(24)  # 4 of 8 and 20 of 1: 52 in all
    shown = display(all_)
    clock[0] += 30  # workers start
    assert shown.seconds_left() is None
    for number, cell in enumerate(all_[:4]):
        shown.start(cell)
        clock[0] += 16  # twice what was estimated
        shown.finish(record(cell))
        assert (shown.seconds_left() is None) == (number < 2)
    assert shown.seconds_left() == pytest.approx(2 * 20)
    assert "about 40 s left" in shown.describe()
    shown.start(all_[4])
    assert shown.seconds_left() == pytest.approx(64 * (20 - 0.5) / (32 + 0.5))


def test_cells_that_another_run_has_done_cost_nothing_and_are_not_left(clock: list[float]) -> None:
    all_ = cells(24)
    shown = display(all_)
    for cell in all_[:3]:
        shown.start(cell)
        clock[0] += 8
        shown.finish(record(cell))
    for cell in all_[10:]:
        shown.found(record(cell))
    assert shown.done == 17 and shown.seconds_left() == pytest.approx(8 + 6)


def test_at_the_end_nothing_is_left(clock: list[float]) -> None:
    all_ = cells(4)
    shown = display(all_)
    for cell in all_:
        shown.start(cell)
        clock[0] += 1
        shown.finish(record(cell))
    assert shown.seconds_left() == 0


def test_what_runs_is_named_as_often_as_it_does(clock: list[float]) -> None:
    one, other = cells(2)
    shown = display([one] * 3 + [other])
    for cell in (one, one, one, other):
        shown.start(cell)
    for left in (3, 2, 1):
        shown.finish(record(one))
        assert shown.running == left
    assert "seed 1" in shown.describe() and "seed 0" not in shown.describe().partition(", best")[0]
