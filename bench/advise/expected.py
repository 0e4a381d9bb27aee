"""What the chosen method is likely to score, corrected for having been chosen, and how sure that is.

The best of many scores is too good: part of why it is the best is luck on these images. The correction is the bootstrap of
Tsamardinos, Greasidou and Borboudakis (Machine Learning 107, 2018; BBC-CV): draw the held-out images with replacement,
choose the best method on those drawn, score it on those that weren't; the mean of that over resamples is the expected
score, its 2.5 % and 97.5 % quantiles are the interval. An image counts once with all of its rows. The interval is over
held-out images, not over other supports. As each resample scores a good third of the images only, it is rather too wide
than too narrow. Where all images, or none, are scored rightly, resampling sees no spread: it then reaches to Clopper and
Pearson's 0.025^(1/I) of I images, or 1 minus that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bench.advise.entrants import Entrant

RESAMPLES = 2000
QUANTILES = (0.025, 0.975)
INTERVAL = "95 % bootstrap interval over held-out images, the choice made anew in each resample"


@dataclass(frozen=True)
class Expected:
    """Scores 0..1."""

    score: float
    low: float
    high: float


class Compared:
    """Entrants on the same held-out images."""

    def __init__(self, entrants: Sequence[Entrant], folds: Sequence[int]) -> None:
        """entrants: at least one, the best first; all have been tried on all of these folds."""
        first = [entrants[0].held[fold] for fold in folds]
        self.worth = np.array([np.concatenate([one.held[fold].worth for fold in folds]) for one in entrants])  # [M, I]
        self.entries = np.concatenate([held.entries for held in first])  # [I]

    @cached_property
    def draws(self) -> np.ndarray:
        """How often each resample has each image [R, I]; the same for the same number of images."""
        count = len(self.entries)
        return np.random.default_rng(0).multinomial(count, np.full(count, 1 / count), size=RESAMPLES)

    @cached_property
    def drawn(self) -> np.ndarray:
        """Of each entrant in each resample [R, M]."""
        return self.scores(self.draws)

    def scores(self, weights: np.ndarray) -> np.ndarray:
        """Of each entrant [R, M], each image counting as often as weights [R, I] say; nan where none counts."""
        counted = (weights @ self.entries)[:, None].astype(float)
        return np.divide(weights @ self.worth.T, counted, out=np.full((len(weights), len(self.worth)), np.nan), where=counted > 0)

    def expected(self) -> Expected:
        """Of whichever is chosen. Equally good ones count alike."""
        drawn, left = self.drawn, self.scores((self.draws == 0).astype(float))
        usable = ~np.isnan(left[:, 0])
        if not usable.any():  # a single image
            score = float(self.scores(np.ones((1, len(self.entries))))[0, 0])
            return Expected(score, 0.0, 1.0)
        drawn, left = drawn[usable], left[usable]
        best = drawn >= drawn.max(1, keepdims=True) - 1e-9
        found = (left * best).sum(1) / best.sum(1)
        low, high = np.quantile(found, QUANTILES)
        far = QUANTILES[0] ** (1 / len(self.entries))
        return Expected(float(found.mean()), min(float(low), far), max(float(high), 1 - far))

    def ahead(self, other: int) -> tuple[float, float]:
        """The 95 % bootstrap interval, over images, of how far the first is ahead of another, by its place."""
        low, high = np.quantile(self.drawn[:, 0] - self.drawn[:, other], QUANTILES)
        return float(low), float(high)
