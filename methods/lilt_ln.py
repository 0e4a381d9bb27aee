"""LilT-LN: every LayerNorm of both towers, the projections and the temperature train (Khan and Fu, ICLR 2023)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torch import nn

from methods.base import Count
from methods.layernorm import norm_parameters
from methods.lilt import LiltMethod


class LiltLN(LiltMethod):
    name = "lilt-ln"
    trains = "every LayerNorm, the projections, the temperature"
    starts_at_zero_shot = True
    counts = (Count(720_897, "norms 65,536 + projections 655,360 + 1"),)

    def inside(self, clip: Any) -> Iterable[nn.Parameter]:
        return norm_parameters(clip)
