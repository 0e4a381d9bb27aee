"""Which methods differ over many tasks: Friedman's test and Nemenyi's critical difference (Demsar, JMLR 7, 2006).

N tasks, k methods, R_j the mean rank of method j:

    F  = (N - 1) X / (N (k - 1) - X)           X: Friedman's chi-square, corrected for ties; Iman and Davenport's F, with
                                               k - 1 and (k - 1)(N - 1) degrees of freedom
    CD = q sqrt(k (k + 1) / (6 N))             q: 95% quantile of the studentised range of k, infinite degrees, / sqrt(2)

Two methods whose mean ranks differ by less than CD can't be told apart.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import pandas as pd
from scipy.special import fdtrc

from bench.report.numbers.statistics import CONFIDENCE, mean_ranks

# With five the smallest p that a signed-rank test of a single pair can reach is 1/16: nothing could be told apart.
TASKS = 6
METHODS = 3  # two are compared by the paired test alone


@dataclass(frozen=True)
class Ranking:
    """Methods with a score on every task, at one shot count."""

    shots: int
    tasks: tuple[str, ...]
    ranks: dict[str, float]  # label -> mean rank, best first
    friedman_p: float  # that methods which are all alike would differ so much
    critical_difference: float
    cliques: tuple[tuple[str, ...], ...]  # largest groups that can't be told apart, best first


def rank_methods(scores: pd.DataFrame, shots: int) -> Ranking | str:
    """From scores [tasks, labels], missing where a method has no complete one; else the reason why there is no ranking."""
    complete = scores.dropna(axis="columns")
    if len(complete) < TASKS:
        return f"{len(complete)} task{'s' if len(complete) != 1 else ''}, and it takes {TASKS} to tell even two methods apart"
    if complete.shape[1] < METHODS:
        return f"{complete.shape[1]} methods have a score on all {len(complete)} tasks, and it takes {METHODS}"
    ranks = dict(sorted(mean_ranks(complete).items(), key=lambda item: (item[1], item[0])))
    critical = critical_difference(len(ranks), len(complete))
    return Ranking(
        shots=shots,
        tasks=tuple(map(str, complete.index)),
        ranks=ranks,
        friedman_p=friedman_p(complete),
        critical_difference=critical,
        cliques=cliques(ranks, critical),
    )


def friedman_p(scores: pd.DataFrame) -> float:
    """Of scores [tasks, labels] without gaps, three labels or more."""
    tasks, methods = scores.shape
    if (scores.nunique(axis="columns") == 1).all():
        return 1.0
    from scipy.stats import friedmanchisquare  # a second, for tables that rank

    chi_square = float(friedmanchisquare(*(scores[label] for label in scores)).statistic)
    left = tasks * (methods - 1) - chi_square
    if left <= 1e-9:  # every task ranks them alike
        return 0.0
    return float(fdtrc(methods - 1, (methods - 1) * (tasks - 1), (tasks - 1) * chi_square / left))


@lru_cache(maxsize=64)
def critical_difference(methods: int, tasks: int) -> float:
    """In ranks."""
    from scipy.stats import studentized_range

    quantile = float(studentized_range.ppf(CONFIDENCE, methods, math.inf)) / math.sqrt(2)
    return quantile * math.sqrt(methods * (methods + 1) / (6 * tasks))


def cliques(ranks: dict[str, float], critical: float) -> tuple[tuple[str, ...], ...]:
    """Groups of neighbours by rank, two or more, no further apart than `critical`; none that lies within another."""
    labels = list(ranks)
    found: list[tuple[str, ...]] = []
    end = 0
    for start, label in enumerate(labels):
        group = tuple(other for other in labels[start:] if ranks[other] - ranks[label] < critical)
        if len(group) > 1 and start + len(group) > end:
            found.append(group)
            end = start + len(group)
    return tuple(found)
