"""The learning curve: a law is found again, and too few points are said to be too few."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.advise.curve import EXPONENTS, fit_curve

COUNTS = np.array([[8.0, 16, 32, 64]] * 4)


@given(a=st.floats(0, 0.4), b=st.floats(0.1, 1.0), exponent=st.sampled_from(EXPONENTS[10:35].tolist()))
def test_a_law_without_noise_is_found_again(a: float, b: float, exponent: float) -> None:
    curve = fit_curve(COUNTS, a + b * COUNTS**-exponent)
    assert curve.error(128) == pytest.approx(a + b * 128**-exponent, abs=1e-3)
    gain, low, high = curve.gain(64, 128)
    assert low - 1e-3 <= gain <= high + 1e-3 and gain == pytest.approx(b * (64**-exponent - 128**-exponent), abs=2e-3)


def test_noise_between_folds_makes_the_interval() -> None:
    random = np.random.default_rng(0)
    errors = 0.1 + COUNTS**-0.5 + random.normal(0, 0.03, COUNTS.shape)
    gain, low, high = fit_curve(COUNTS, errors).gain(64, 256)
    assert low < gain < high and high - low > 0.005


@given(st.lists(st.lists(st.floats(0, 1), min_size=4, max_size=4), min_size=4, max_size=4))
def test_whatever_the_errors_more_labels_never_do_harm_and_errors_stay_errors(errors: list[list[float]]) -> None:
    curve = fit_curve(COUNTS, np.array(errors))
    assert curve.a >= 0 and curve.b >= 0
    assert 0 <= curve.error(1000) <= curve.error(64) <= 1


@pytest.mark.parametrize(
    ("counts", "said"),
    [(np.ones((3, 1)) * 8, "give 1"), (np.array([[4, 8]] * 3), "give 2"), (np.array([[4, 8, 16]]), "only one was finished")],
)
def test_too_few_points_are_said_to_be_too_few(counts: np.ndarray, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        fit_curve(counts, np.full(counts.shape, 0.5))
