"""The correction for having been chosen, against data of which the truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from bench.advise.expected import Compared
from tests.advise.entered import entrant


def compared(scores: np.ndarray) -> Compared:
    """scores: [M, I], 0 or 1; the best first, in two folds."""
    half = scores.shape[1] // 2
    order = np.argsort(-scores.mean(1), kind="stable")
    entrants = [entrant(f"m{number}", {1: scores[number, :half], 2: scores[number, half:]}) for number in order]
    return Compared(entrants, [1, 2])


def test_of_many_that_guess_the_best_is_expected_to_guess() -> None:
    found = []
    for seed in range(20):
        guesses = (np.random.default_rng(seed).random((40, 40)) < 0.5).astype(float)
        of = compared(guesses)
        found.append((guesses.mean(1).max(), of.expected().score))
    naive, corrected = np.mean(found, axis=0)
    assert naive > 0.65 and corrected == pytest.approx(0.5, abs=0.04)


def test_intervals_hold_the_truth_about_as_often_as_they_say_or_oftener() -> None:
    truth = np.array([0.7, 0.5, 0.5])
    within = 0
    for seed in range(60):
        scores = (np.random.default_rng(seed).random((3, 60)) < truth[:, None]).astype(float)
        found = compared(scores).expected()
        within += found.low <= 0.7 <= found.high
    assert within >= 55


def test_a_single_entrant_is_not_corrected() -> None:
    found = compared(np.array([[1.0, 0, 1, 1, 1, 0, 1, 1]])).expected()
    assert found.score == pytest.approx(0.75, abs=0.02) and found.low < 0.75 < found.high <= 1


def test_all_right_is_not_all_sure() -> None:
    found = compared(np.ones((2, 12))).expected()
    assert (found.score, found.high) == (1.0, 1.0) and found.low == pytest.approx(0.025 ** (1 / 12))
    none = compared(np.zeros((2, 12))).expected()
    assert none.high == pytest.approx(1 - 0.025 ** (1 / 12)) and none.score == none.low == 0


def test_a_single_image_tells_nothing() -> None:
    one = entrant("m", {1: [1.0]})
    found = Compared([one], [1]).expected()
    assert (found.score, found.low, found.high) == (1.0, 0.0, 1.0)


def test_how_far_ahead_is_paired_by_image() -> None:
    base = (np.random.default_rng(0).random(40) < 0.5).astype(float)
    better = base.copy()
    better[np.flatnonzero(base == 0)[:6]] = 1
    low, high = compared(np.stack([better, base])).ahead(1)
    assert 0 < low < 6 / 40 < high < 0.3
    assert compared(np.stack([base, base])).ahead(1) == (0.0, 0.0)
