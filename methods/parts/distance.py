"""How far features have moved from where they were."""

from __future__ import annotations

from torch import Tensor


def cosine_distance(a: Tensor, b: Tensor) -> Tensor:
    """Mean over rows of 1 - a . b, unit rows [N, d]: half their mean squared distance."""
    return 1 - (a * b).sum(1).mean()
