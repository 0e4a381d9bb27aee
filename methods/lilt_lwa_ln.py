"""LilT-LwA-LN: layer-wise adapters and every LayerNorm (Khan and Fu, ICLR 2023); their published script for LilT."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torch import nn

from methods.base import Count
from methods.layernorm import norm_parameters
from methods.lilt_lwa import LiltLwA


class LiltLwALN(LiltLwA):
    name = "lilt-lwa-ln"
    trains = "layer-wise adapters, every LayerNorm, the projections, the temperature"
    counts = (Count(10_982_913, "lilt-lwa + norms 65,536"),)

    def inside(self, clip: Any) -> Iterable[nn.Parameter]:
        return [*super().inside(clip), *norm_parameters(clip)]
