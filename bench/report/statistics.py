"""Means, intervals, ranks and the paired test. Scores are 0..1 throughout; nothing here formats."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit

CONFIDENCE = 0.95
EXACT_TASKS = 14  # up to here all 2^tasks sign patterns are counted


@dataclass(frozen=True)
class Estimate:
    """A mean over `count` seeds. One seed has neither spread nor interval."""

    mean: float
    deviation: float | None  # standard deviation with ddof 1
    half_width: float | None  # of the 95% Student-t interval
    count: int


def half_width(deviation: float, count: int) -> float | None:
    """Half the width of the 95% Student-t interval of a mean of `count` values; None where there is no spread to judge by."""
    if count < 2 or not math.isfinite(deviation):
        return None
    return float(stdtrit(count - 1, 0.5 + CONFIDENCE / 2) * deviation / math.sqrt(count))


def estimate(values: ArrayLike) -> Estimate:
    """Mean, deviation and interval of values [n], n >= 1."""
    array = np.asarray(values, dtype=float)
    if array.ndim != 1 or array.size == 0:
        raise ValueError("an estimate needs at least one value")
    deviation = float(array.std(ddof=1)) if array.size > 1 else None
    return from_moments(float(array.mean()), deviation, int(array.size))


def from_moments(mean: float, deviation: float | None, count: int) -> Estimate:
    """The estimate of values of which only the moments are at hand."""
    if count < 2 or deviation is None:
        return Estimate(float(mean), None, None, int(count))
    return Estimate(float(mean), float(deviation), half_width(deviation, count), int(count))


def grouped(frame: pd.DataFrame, keys: Sequence[str], column: str) -> dict[tuple[object, ...], Estimate]:
    """One estimate per group of rows that agree in `keys`; groups without a value are left out."""
    if frame.empty:
        return {}
    moments = frame.groupby(list(keys), sort=True)[column].agg(["mean", "std", "count"])
    result = {}
    for key, mean, deviation, count in moments.itertuples():
        if count:
            result[key if isinstance(key, tuple) else (key,)] = from_moments(mean, deviation, count)
    return result


def mean_ranks(scores: pd.DataFrame) -> dict[str, float]:
    """Mean over tasks of each method's rank, 1 is best, ties share their mean rank. `scores` [tasks, methods].

    Only methods with a score on every task are ranked, and among themselves: otherwise a rank would count
    a rival on some tasks and not on others.
    """
    complete = scores.dropna(axis="columns")
    if complete.empty:
        return {}
    ranks = complete.rank(axis="columns", ascending=False, method="average")
    return {str(method): float(rank) for method, rank in ranks.mean(axis="index").items()}


def sign_flip_p(differences: ArrayLike) -> float | None:
    """Two-sided p of the paired differences [tasks] having mean zero, by flipping their signs.

    None below six tasks: there the smallest p that can come out, 2 / 2^tasks, is above 0.05 whatever the scores.
    """
    values = np.asarray(differences, dtype=float)
    if values.size < 6 or not np.isfinite(values).all():
        return None
    signs = _signs(values.size)
    # A hair's breadth of tolerance, so that the observed pattern always counts itself.
    means = np.abs(signs @ values)
    return float(np.mean(means >= abs(values.sum()) * (1 - 1e-12) - 1e-12))


def _signs(tasks: int) -> NDArray[np.floating]:
    """Sign patterns [patterns, tasks]: all of them, or 16,384 with a fixed seed where all are too many."""
    if tasks <= EXACT_TASKS:
        patterns = (np.arange(2**tasks)[:, None] >> np.arange(tasks)) & 1
        return patterns * 2.0 - 1.0
    drawn = np.random.default_rng(0).integers(0, 2, size=(2**EXACT_TASKS, tasks)) * 2.0 - 1.0
    drawn[0] = 1.0  # the observed pattern is one of those counted, so p is never zero
    return drawn


def can_tell(tasks: int, comparisons: int) -> bool:
    """Whether so many tasks could give a corrected p below 0.05 at all, if one method won on every one of them."""
    return 2.0 ** (1 - tasks) * comparisons < 1 - CONFIDENCE


def holm(p_values: dict[str, float]) -> dict[str, float]:
    """Holm's step-down correction for comparing several methods at once."""
    adjusted: dict[str, float] = {}
    largest = 0.0
    for position, (name, p_value) in enumerate(sorted(p_values.items(), key=lambda item: (item[1], item[0]))):
        largest = max(largest, min(1.0, p_value * (len(p_values) - position)))
        adjusted[name] = largest
    return adjusted
