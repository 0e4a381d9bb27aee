"""Protocol `val`: how hyper-parameters are chosen on the validation set."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import Any

Score = Callable[[Mapping[str, Any]], float]  # fits with these parameters, returns the headline metric on the validation set


class Decades(tuple[float, ...]):
    """Values a decade apart; the neighbourhood of the best one is then halved `halvings` times towards the better side.

    In log space, within a factor of ten: how CLIP's authors choose the strength of their linear probe.
    """

    halvings = 8

    def around(self, best: float, quality: Callable[[float], float]) -> float:
        """The best found; `quality` of a value 10^x is asked for by its exponent x."""
        low, high = best - 1, best + 1
        for _ in range(self.halvings):
            middle = (low + high) / 2
            if quality(low) > quality(high):
                high = middle
            else:
                low = middle
        return max((best, low, high), key=quality)


def search(grid: Mapping[str, Sequence[Any]], score: Score) -> dict[str, Any]:
    """The parameters to use: of every combination of the grid the first best one; a single `Decades` is refined."""
    if len(grid) == 1 and isinstance(values := next(iter(grid.values())), Decades):
        name = next(iter(grid))

        def quality(exponent: float) -> float:
            return score({name: 10**exponent})

        best = max(map(math.log10, values), key=quality)
        return {name: 10 ** values.around(best, quality)}
    combinations = [dict(zip(grid, values, strict=True)) for values in product(*grid.values())]
    return combinations[0] if len(combinations) == 1 else max(combinations, key=score)
