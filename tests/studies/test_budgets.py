"""Rates and lengths: the climb takes what is best and no more than it must; the file and the page say the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import studies.budgets.data
from bench.plan.grid import Cell
from bench.plan.registry import find_methods
from bench.store.record import Record
from bench.tuned import ANY, FILE, Tables, Tuned, code_with_choice, tables, tuned
from studies.budgets.climb import LONGER, RATES, TIE, Point, choose, climb, taken
from studies.budgets.data import PAGE, keep, page
from studies.budgets.trials import Arrival, Found, Job, Trier


def hill(top: int, width: float = 1.0) -> Callable[[float], float]:
    """A score that falls by a tenth of `width` from each rate to the next, on both sides of the best."""
    return lambda rate: 0.9 - 0.1 * width * abs(RATES.index(rate) - top)


@given(st.integers(0, len(RATES) - 1))
def test_the_top_of_a_hill_is_found_from_the_published_rate(top: int) -> None:
    points = climb(hill(top), 1.0, 1.0)
    assert taken(points) == Point(RATES[top], 1.0, 0.9)
    assert len(points) <= abs(RATES.index(1.0) - top) + 4


@given(st.lists(st.floats(0, 1), min_size=len(RATES), max_size=len(RATES)))
def test_whatever_the_scores_nothing_is_taken_that_is_worse_than_the_published_rate(scores: list[float]) -> None:
    points = climb(lambda rate: scores[RATES.index(rate)], 1.0, 1.0)
    assert taken(points).score >= scores[RATES.index(1.0)] - TIE
    assert [point.rate for point in points] == sorted({point.rate for point in points})


def test_among_scores_alike_the_rate_nearest_to_the_published_one_is_taken() -> None:
    assert taken([Point(1.0, 1, 0.5), Point(3.0, 1, 0.5 + TIE / 2)]).rate == 1.0
    assert taken([Point(0.3, 1, 0.5), Point(1.0, 1, 0.1), Point(3.0, 1, 0.5)]).rate == 3.0


@pytest.mark.parametrize(("gain", "expected"), [(2 * LONGER, 8.0), (LONGER / 2, 1.0)])
def test_a_longer_run_must_gain_to_be_taken(gain: float, expected: float) -> None:
    def score(rate: float, length: float) -> float:
        return hill(4)(rate) + (gain if length > 1 else 0.0)

    best, tried = choose(score, 8.0)
    assert best.length == expected and {point.length for point in tried} == {1.0, 8.0}
    best, tried = choose(score, 1 / 40)
    assert best.rate == 1.0 and [point.rate for point in tried][-3:] == [10.0, 30.0, 100.0]
    best, tried = choose(score, 1.9)
    assert best.length == 1.0 and {point.length for point in tried} == {1.0}


def test_results_are_merged_into_the_file_that_recipes_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "tuned.json"
    file.write_text("{}")
    for module in ("bench.tuned", "studies.budgets.data"):
        monkeypatch.setattr(f"{module}.FILE", file)
    tables.cache_clear()
    try:
        point = Point(3.0, 8.0, 0.61234)
        keep("f00d", "bundled", [Found(Job("vpt", "pair"), point, (Point(1.0, 1.0, 0.5), point))])
        keep("f00d", "bundled", [Found(Job("coop", "pair"), Point(1.0, 1.0, 0.5), ())], [Arrival("coop", 0.5, 0.52)])
        keep("cafe", "other", [Found(Job(ANY, "retrieval"), Point(20.0, 1.0, 0.3), ())])
        assert tuned("cafe", "lora", "retrieval").rate == 20.0
        assert tuned("f00d", "vpt", "pair") == Tuned(3.0, 8.0, [(1.0, 1.0, 0.5), (3.0, 8.0, 0.6123)])
        keep("f00d", "bundled", [Found(Job("vpt", "classification"), Point(0.3, 1.0, 0.5), ())])
        assert tuned("f00d", "vpt", "retrieval").rate == 0.3 and tuned("f00d", "vpt", "pair").rate == 3.0
        assert tuned("f00d", "ivlp", "retrieval") == tuned("beef", "vpt", "pair") == Tuned()
        assert tables()["f00d"].restless == ["coop"] and list(tables()["f00d"].chosen) == ["coop", "vpt"]
        assert code_with_choice("c0de", "tuned", "f00d", "vpt", "pair") != "c0de"
        assert code_with_choice("c0de", "paper", "f00d", "vpt", "pair") == "c0de"
        assert code_with_choice("c0de", "tuned", "f00d", "coop", "pair") == "c0de"
        assert "| vpt | pair | 3 | 8 | 1: 50.0, 3 x 8: 61.2 |" in studies.budgets.data.page()
    finally:
        tables.cache_clear()


def test_the_page_is_that_of_the_file() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python -m studies.budgets page"


def test_the_file_names_methods_and_kinds_that_exist() -> None:
    methods = find_methods().methods
    for table in msgspec.json.decode(FILE.read_bytes(), type=dict[str, Tables]).values():
        for method, kinds in table.chosen.items():
            assert method == ANY or kinds.keys() <= set(methods[method].kinds), method


def test_a_method_is_tried_on_development_tasks_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With two steps each; a method that trains nothing has no choice."""
    monkeypatch.setattr("studies.budgets.trials.SHOTS", {"classification": (1,)})
    monkeypatch.setattr("tasks.base.Budget.steps", lambda budget, family: 2)
    trier = Trier(tmp_path)
    seen: set[str] = set()
    run = trier.worker.run

    def watched(cell: Cell) -> Record:
        seen.add(cell.info.task)
        return run(cell)

    monkeypatch.setattr(trier.worker, "run", watched)
    found = trier.find(Job("clip-adapter", "classification"))
    assert found is not None and {point.length for point in found.tried} == {1.0} and len(found.tried) >= 3
    assert seen == {"dev-chalk", "dev-flags"}
    assert trier.find(Job("gda", "classification")) is None
