"""What more labels would bring: the learning curve of the chosen method over nested supports, carried on.

    error(n) = a + b n^-c,   a, b >= 0,   0.1 <= c <= 2      n: labelled examples that are learnt from

(Cortes, Jackel, Solla, Vapnik and Denker, NIPS 1993) by least squares over all folds and sizes; for each exponent of a grid a
and b have a closed form. The interval is a bootstrap over folds: it knows the spread between folds and nothing of whether the
law holds further out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

EXPONENTS = np.geomspace(0.1, 2.0, 40)
LEAST_SIZES = 3  # that a curve of three unknowns takes
RESAMPLES = 1000
QUANTILES = (0.025, 0.975)


@dataclass(frozen=True)
class Curve:
    """error(n) = a + b n^-c, and the same of each resample."""

    a: float
    b: float
    c: float
    resampled: np.ndarray  # [R, 3]

    def error(self, count: float) -> float:
        """0..1, at so many labelled examples."""
        return float(_errors(np.array([[self.a, self.b, self.c]]), count)[0])

    def gain(self, now: float, then: float) -> tuple[float, float, float]:
        """By how much the error falls from one number of labelled examples to another, and its 95 % interval."""
        each = _errors(self.resampled, now) - _errors(self.resampled, then)
        low, high = np.quantile(each, QUANTILES)
        return self.error(now) - self.error(then), float(low), float(high)


def fit_curve(counts: np.ndarray, errors: np.ndarray) -> Curve:
    """Of errors [F, P] of F folds at P sizes, learnt from counts [F, P] examples.

    Raises ValueError, in words for a reader, where there are too few sizes or folds.
    """
    sizes = len(np.unique(counts.mean(0).round(6))) if counts.size else 0
    if sizes < LEAST_SIZES:
        raise ValueError(
            f"a curve takes {LEAST_SIZES} sizes of support, and these folds give {sizes}: label more examples per class"
        )
    if len(counts) < 2:
        raise ValueError("a curve takes two folds or more, and only one was finished: give more --minutes")
    draws = np.random.default_rng(0).multinomial(len(counts), np.full(len(counts), 1 / len(counts)), size=RESAMPLES)
    found = _fits(counts, errors, np.concatenate([np.ones((1, len(counts))), draws]))
    a, b, c = map(float, found[0])
    return Curve(a, b, c, found[1:])


def _fits(counts: np.ndarray, errors: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """a, b, c [R, 3] that fit best where each fold counts as weights [R, F] say."""
    best, least = np.zeros((len(weights), 3)), np.full(len(weights), np.inf)
    total = weights.sum(1) * counts.shape[1]
    y, yy = weights @ errors.sum(1), weights @ (errors**2).sum(1)
    for c in EXPONENTS:
        power = counts.astype(float) ** -c
        x, xx, xy = (weights @ each.sum(1) for each in (power, power**2, power * errors))
        spread = total * xx - x * x
        b = np.divide(total * xy - x * y, spread, out=np.zeros_like(y), where=spread > 1e-15)
        a = (y - b * x) / total
        b = np.where(a < 0, xy / xx, b)  # the boundary a = 0
        a = np.where(a < 0, 0.0, a)
        a, b = np.where(b < 0, y / total, a), np.where(b < 0, 0.0, b)  # the boundary b = 0
        loss = yy + total * a * a + b * b * xx + 2 * a * b * x - 2 * a * y - 2 * b * xy
        better = loss < least - 1e-12
        best[better] = np.stack([a, b, np.full(len(a), c)], 1)[better]
        least = np.minimum(least, loss)
    return best


def _errors(fits: np.ndarray, count: float) -> np.ndarray:
    return np.clip(fits[:, 0] + fits[:, 1] * count ** -fits[:, 2], 0.0, 1.0)
