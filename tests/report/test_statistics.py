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

from bench.report import statistics

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


@given(st.lists(st.floats(-1, 1).map(lambda value: round(value, 3)), min_size=6, max_size=8))
@settings(max_examples=25, deadline=None)
def test_sign_flips_counted_one_by_one(differences: list[float]) -> None:
    observed = abs(sum(differences))
    flips = [
        abs(sum(s * d for s, d in zip(signs, differences, strict=True)))
        for signs in itertools.product((1, -1), repeat=len(differences))
    ]
    expected = sum(value >= observed - 1e-9 for value in flips) / len(flips)
    assert statistics.sign_flip_p(differences) == pytest.approx(expected)


def test_no_p_from_five_tasks_and_small_p_from_many() -> None:
    assert statistics.sign_flip_p([0.1] * 5) is None
    assert statistics.sign_flip_p([0.1] * 6) == pytest.approx(2 / 64)
    many = statistics.sign_flip_p(np.linspace(0.1, 0.2, 30))
    assert many is not None
    assert 0 < many < 0.001
    assert statistics.can_tell(6, 1)
    assert not statistics.can_tell(6, 2)


def test_holm_by_hand() -> None:
    assert statistics.holm({"a": 0.01, "b": 0.04, "c": 0.03}) == pytest.approx({"a": 0.03, "c": 0.06, "b": 0.06})
    assert statistics.holm({"a": 0.9, "b": 0.8}) == {"b": 1.0, "a": 1.0}
