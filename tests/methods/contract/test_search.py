"""Protocol `val`'s search against a plain one."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from methods.contract.search import Decades, search

DECADES = (1e6, 1e4, 1e2, 1.0, 1e-2, 1e-4, 1e-6)


def bisected(decades: tuple[float, ...], quality: Callable[[float], float]) -> float:
    """The best exponent: of the decades the first best, then of its neighbourhood, halved eight times towards the better end."""
    exponents = [math.log10(value) for value in decades]
    best = exponents[0]
    for each in exponents:
        if quality(each) > quality(best):
            best = each
    ends = [best - 1, best + 1]
    for _ in range(8):
        middle = sum(ends) / 2
        ends[1 if quality(ends[0]) > quality(ends[1]) else 0] = middle
    for each in ends:
        if quality(each) > quality(best):
            best = each
    return best


@given(st.floats(-7.5, 7.5), st.floats(-7.5, 7.5), st.sampled_from([0, 1, 2]))
def test_decades_are_bisected_as_by_hand(peak: float, other: float, digits: int) -> None:
    """A smooth hill, two hills, or one with steps, whose plateaus tie."""

    def quality(exponent: float) -> float:
        hills = max(-abs(exponent - peak), -2 * abs(exponent - other))
        return round(hills, digits) if digits else hills

    found = search({"strength": Decades(DECADES)}, lambda values: quality(math.log10(values["strength"])))
    assert math.log10(found["strength"]) == pytest.approx(bisected(DECADES, quality), abs=1e-9)


@pytest.mark.parametrize("best", [1e-5, 0.03, 0.5, 7e3])
def test_decades_find_the_best_value_in_few_tries(best: float) -> None:
    tried: list[float] = []

    def score(values: Mapping[str, Any]) -> float:
        tried.append(values["strength"])
        return -abs(math.log10(values["strength"] / best))

    found = search({"strength": Decades(DECADES)}, score)["strength"]
    assert abs(math.log10(found / best)) < 0.1
    assert len(tried) < 40 and Decades.halvings == 8


@given(st.lists(st.integers(0, 3), min_size=1, max_size=4), st.lists(st.integers(0, 3), min_size=1, max_size=4), st.data())
def test_of_a_grid_the_first_best_combination(first: list[int], second: list[int], data: st.DataObject) -> None:
    combinations = [{"a": a, "b": b} for a in first for b in second]
    scores = {(a, b): data.draw(st.integers(0, 2)) for a in first for b in second}
    found = search({"a": first, "b": second}, lambda values: scores[values["a"], values["b"]])
    best = max(scores.values())
    assert found == next(each for each in combinations if scores[each["a"], each["b"]] == best)


def test_a_single_combination_is_not_tried() -> None:
    def score(values: Mapping[str, Any]) -> float:
        raise AssertionError("nothing to choose from")

    assert search({}, score) == {}
    assert search({"lr": (0.1,), "r": (2,)}, score) == {"lr": 0.1, "r": 2}


def test_decades_beside_another_parameter_are_a_plain_grid() -> None:
    found = search({"strength": Decades((1.0, 100.0)), "r": (1, 2)}, lambda values: values["strength"] * values["r"])
    assert found == {"strength": 100.0, "r": 2}
