"""Predicted seconds: by what was recorded, else by family, backbone, recipe and machine."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from bench.advise.entrants import Entrant
from bench.advise.forecast import AGAIN, BUNDLED_IMAGE_S, Forecast
from bench.executors.durations import FAMILY_S, INSIDE_S
from bench.plan.grid import Cell
from bench.store.record import Provenance, Record, Seconds
from tasks.bundled import BUDGET
from tests.advise.entered import entrant, record
from tests.factories import make_record, make_task

TASK = make_task(classes=2, budget=BUDGET)
INSIDE = "inside the encoder"


def forecast(*records: Record, slower: float = 1.0, budgeted: bool = True) -> Forecast:
    task = TASK if budgeted else replace(TASK, budget=None)
    return Forecast(records, {"bundled": slower * BUNDLED_IMAGE_S}, task)


def seconds(of: Forecast, one: Entrant, fold: int = 1) -> float:
    return of.seconds(sized(one, fold), one, 0)


def sized(one: Entrant, fold: int) -> Cell:
    """Of 32 examples in all, which are 16 shots of two classes."""
    cell = one.cells[fold]
    return replace(cell, info=msgspec.structs.replace(cell.info, shots=32, by_count=True))


def taking(one: Entrant, fold: int, took: float) -> Record:
    return record(sized(one, fold), time_s=Seconds(fit=took, predict=0.0))


def stopped(one: Entrant, after: int) -> Record:
    found = make_record(cell=sized(one, 1).info, status="timeout")
    assert found.provenance is not None
    times: Provenance = msgspec.structs.replace(found.provenance, finished=f"2026-01-01T00:00:{after:02}Z")
    return msgspec.structs.replace(found, provenance=times)


def test_what_was_recorded_of_a_method_on_another_fold_counts_most() -> None:
    one, other = entrant("a", family=INSIDE), entrant("b", family=INSIDE)
    of = forecast(taking(one, 2, 7.0), slower=10)
    assert seconds(of, one) == 7.0 and seconds(of, other) == 7.0, "else what was recorded of its family"


def test_without_records_a_family_takes_its_usual_time_longer_on_slower_backbones_and_uncapped() -> None:
    one = entrant("a", family=INSIDE)
    assert seconds(forecast(), one) == pytest.approx(INSIDE_S[0])
    assert seconds(forecast(slower=20), one) == pytest.approx(20 * INSIDE_S[0])
    assert seconds(forecast(budgeted=False), one) == pytest.approx(INSIDE_S[0] * 300 * 16 / 200)
    assert seconds(forecast(slower=20), entrant("h")) == pytest.approx(FAMILY_S["head"][0])


def test_a_slow_machine_is_known_by_its_heads() -> None:
    head, inside = entrant("h"), entrant("a", family=INSIDE)
    of = forecast(taking(head, 1, 5 * FAMILY_S["head"][0]))
    assert seconds(of, inside) == pytest.approx(5 * INSIDE_S[0])


def test_frozen_work_counts_until_somebody_has_done_it() -> None:
    one, viewing = entrant("a"), entrant("b")
    viewing.views = 10
    of = forecast(slower=100)
    plain, views = (of.seconds(each.cells[1], each, 20) - of.seconds(each.cells[1], each, 0) for each in (one, viewing))
    assert plain == pytest.approx(20 * 100 * BUNDLED_IMAGE_S) and views == pytest.approx(11 * plain)
    of.take(taking(one, 1, 1.0), one)
    assert of.seconds(one.cells[1], one, 20) == of.seconds(one.cells[1], one, 0)
    assert of.seconds(viewing.cells[1], viewing, 20) - of.seconds(viewing.cells[1], viewing, 0) == pytest.approx(10 * plain)


def test_one_that_was_stopped_needs_more_and_so_do_those_of_its_family_of_which_none_was_through() -> None:
    slow, alike = entrant("a", family=INSIDE), entrant("b", family=INSIDE)
    assert seconds(forecast(stopped(slow, 30)), slow) == seconds(forecast(stopped(slow, 30)), alike) == AGAIN * 30
    through = forecast(stopped(slow, 30), msgspec.structs.replace(taking(alike, 1, 4.0), record_id="other"))
    assert seconds(through, slow) == AGAIN * 30 and seconds(through, alike) == 4.0
