"""Statistics against formulas written out independently."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from bench.report.numbers import statistics

SCORES = st.lists(st.floats(0, 1), min_size=2, max_size=12)


@given(SCORES)
@settings(max_examples=60, deadline=None)
def test_interval_is_students(values: list[float]) -> None:
    found = statistics.estimate(values)
    mean = sum(values) / len(values)
    deviation = math.sqrt(sum((value - mean) ** 2 for value in values) / (len(values) - 1))
    width = stats.t.ppf(0.975, len(values) - 1) * deviation / math.sqrt(len(values))
    assert found.mean == pytest.approx(mean)
    assert found.deviation == pytest.approx(deviation, abs=1e-12)
    assert found.half_width == pytest.approx(width, abs=1e-12)
    assert found.count == len(values)


def test_three_seeds_by_hand() -> None:
    # t(0.975, 2) = 4.3027; values 1, 2, 3 have deviation 1.
    found = statistics.estimate([1.0, 2.0, 3.0])
    assert (found.mean, found.deviation) == (2.0, 1.0)
    assert found.half_width == pytest.approx(4.3027 / math.sqrt(3), abs=1e-4)


def test_one_seed_has_no_interval() -> None:
    assert statistics.estimate([0.7]) == statistics.Estimate(0.7, None, None, 1)
    with pytest.raises(ValueError, match="at least one"):
        statistics.estimate([])


def test_grouped_is_estimate_per_group() -> None:
    generator = np.random.default_rng(3)
    frame = pd.DataFrame({"a": generator.integers(0, 4, 60), "b": generator.integers(0, 2, 60), "score": generator.random(60)})
    frame.loc[frame["a"] == 3, "score"] = np.nan
    found = statistics.grouped(frame, ["a", "b"], "score")
    assert {key[0] for key in found} == {0, 1, 2}
    for key, estimate in found.items():
        values = [row.score for row in frame.itertuples() if (row.a, row.b) == key]
        assert estimate.mean == pytest.approx(np.mean(values))
        assert estimate.half_width == pytest.approx(statistics.estimate(values).half_width)


def test_ranks_by_hand() -> None:
    scores = pd.DataFrame(
        {"a": [0.9, 0.5, 0.7], "b": [0.8, 0.6, 0.7], "c": [0.1, 0.6, 0.2], "gap": [0.99, np.nan, 0.99]}, index=["x", "y", "z"]
    )
    # x: a b c = 1 2 3; y: 3 1.5 1.5; z: 1.5 1.5 3. "gap" is not ranked and pushes nobody down.
    assert statistics.mean_ranks(scores) == pytest.approx({"a": 5.5 / 3, "b": 5.0 / 3, "c": 7.5 / 3})
    assert statistics.mean_ranks(scores[["gap"]]) == {}


@given(st.lists(st.integers(-5, 5), min_size=1, max_size=8))
@settings(max_examples=25, deadline=None)
def test_signed_ranks_counted_one_by_one(differences: list[int]) -> None:
    values = [value for value in differences if value]
    sizes = sorted(map(abs, values))
    ranks = [np.mean([place for place, size in enumerate(sizes, 1) if size == abs(value)]) for value in values]
    middle = sum(ranks) / 2
    observed = abs(sum(rank for rank, value in zip(ranks, values, strict=True) if value > 0) - middle)
    sums = [
        abs(sum(rank for rank, sign in zip(ranks, signs, strict=True) if sign) - middle)
        for signs in itertools.product((0, 1), repeat=len(values))
    ]
    expected = sum(value >= observed - 1e-9 for value in sums) / len(sums)
    assert statistics.signed_rank_p([value / 10 for value in differences]) == pytest.approx(expected)


def test_smallest_p_is_reached_by_winning_everywhere() -> None:
    for tasks in (2, 4, 6, 9):
        assert statistics.signed_rank_p(np.linspace(0.1, 0.2, tasks)) == pytest.approx(statistics.smallest_p(tasks, 1))
    assert statistics.smallest_p(6, 2) == pytest.approx(2 / 32)
    assert statistics.smallest_p(2, 30) == 1.0
    assert statistics.win_tie_loss([0.1, 0.0, 1e-15, -0.2]) == (1, 2, 1)


def test_t_intervals_cover_what_they_promise() -> None:
    # Four standard errors of a share of 95% in 4,000 draws: a right interval fails one seed in 16,000.
    draws = np.random.default_rng(5).normal(0.6, 0.05, size=(4000, 3))
    found = [statistics.estimate(values) for values in draws]
    covered = np.mean([abs(entry.mean - 0.6) <= (entry.half_width or 0.0) for entry in found])
    assert covered == pytest.approx(0.95, abs=4 * math.sqrt(0.95 * 0.05 / 4000))


def test_holm_by_hand() -> None:
    assert statistics.holm({"a": 0.01, "b": 0.04, "c": 0.03}) == pytest.approx({"a": 0.03, "c": 0.06, "b": 0.06})
    assert statistics.holm({"a": 0.9, "b": 0.8}) == {"b": 1.0, "a": 1.0}
