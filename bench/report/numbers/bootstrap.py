"""How far a mean over tasks would move with other supports: a stratified bootstrap over seeds within tasks.

    m* = mean over tasks t of mean over draws of s[t, .],  each task's n seeds drawn n times with replacement

(Agarwal et al., NeurIPS 2021, who resample the runs within each task). With few seeds the spread of m* is too small by
sqrt((n - 1) / n), as each task's mean is known to itself, and normal quantiles are too narrow. Both are put right as
Hesterberg (The American Statistician, 2015) proposes: m* - m is widened by sqrt(n / (n - 1)), and the quantiles are taken at
the level of Student's t,

    level = Phi(t[df](0.025)),   df = (sum_t v_t)^2 / sum_t (v_t^2 / (n - 1)),   v_t: variance of task t over its seeds

df being Welch's and Satterthwaite's for tasks that vary by different amounts.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, stdtrit

from bench.report.numbers.statistics import CONFIDENCE

RESAMPLES = 10_000
# With less there are so few different resamples that no quantile reaches far enough: simulated coverage falls below 93%.
TASKS, SEEDS = 3, 3


def bootstrap_interval(scores: ArrayLike) -> tuple[float, float] | None:
    """The 95% interval of the mean of scores [tasks, seeds]; None from fewer tasks or seeds than it takes.

    It takes the seeds of two tasks for independent. That holds for supports, and not for a start that depends on the seed
    alone. The same scores give the same interval.
    """
    array = np.asarray(scores, dtype=float)
    tasks, seeds = array.shape
    if tasks < TASKS or seeds < SEEDS:
        return None
    mean, variances = array.mean(), array.var(axis=1, ddof=1)
    if not variances.any():
        return float(mean), float(mean)
    freedom = variances.sum() ** 2 / (variances**2 / (seeds - 1)).sum()
    level = ndtr(stdtrit(freedom, 0.5 - CONFIDENCE / 2))
    shifts = _shares(tasks, seeds) @ (array - mean).ravel()
    low, high = mean + np.sqrt(seeds / (seeds - 1)) * np.quantile(shifts, [level, 1 - level])
    return float(low), float(high)


@lru_cache(maxsize=16)
def _shares(tasks: int, seeds: int) -> NDArray[np.float64]:
    """How much each score weighs in each resample's mean [resamples, tasks * seeds]; the same for all methods."""
    counts = np.random.default_rng(0).multinomial(seeds, np.full(seeds, 1 / seeds), size=(RESAMPLES, tasks))
    return counts.reshape(RESAMPLES, -1) / (tasks * seeds)
