"""Means, intervals, ranks and the paired test. Scores are 0..1 throughout; nothing here formats."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
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


def signed_rank_p(differences: ArrayLike) -> float:
    """Two-sided p of Wilcoxon's signed-rank test on paired differences [tasks], zeros left out; 1.0 if all are zero.

    Exact: from the known distribution where no two differences are equal in size, from all sign patterns where some are
    (up to `EXACT_TASKS` tasks; above that scipy's normal approximation with its correction for ties).
    """
    from scipy.stats import PermutationMethod, wilcoxon  # a second, for tables that compare

    # Means of the same scores may differ in the last bits: what is a tie must be one.
    values = np.round(np.asarray(differences, dtype=float), 12)
    values = values[values != 0]
    if values.size == 0:
        return 1.0
    tied = np.unique(np.abs(values)).size < values.size
    method = PermutationMethod(n_resamples=2**EXACT_TASKS) if tied and values.size <= EXACT_TASKS else "auto"
    return float(wilcoxon(values, method=method).pvalue)


def smallest_p(tasks: int, comparisons: int) -> float:
    """The smallest corrected p that so many tasks can give at all, if one method won on every one of them."""
    return min(1.0, 2.0 ** (1 - tasks) * max(1, comparisons))


def win_tie_loss(differences: ArrayLike) -> tuple[int, int, int]:
    """On how many tasks the paired differences [tasks] are above, at and below zero."""
    values = np.round(np.asarray(differences, dtype=float), 12)
    return int((values > 0).sum()), int((values == 0).sum()), int((values < 0).sum())


def holm(p_values: dict[str, float]) -> dict[str, float]:
    """Holm's step-down correction for comparing several methods at once."""
    adjusted: dict[str, float] = {}
    largest = 0.0
    for position, (name, p_value) in enumerate(sorted(p_values.items(), key=lambda item: (item[1], item[0]))):
        largest = max(largest, min(1.0, p_value * (len(p_values) - position)))
        adjusted[name] = largest
    return adjusted
