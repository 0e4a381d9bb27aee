"""LilT-LwA-LN: layer-wise adapters and every LayerNorm (Khan and Fu, ICLR 2023); their published script for LilT.

    image   x = x + attention(norm1(A1(x)))        x = x + mlp(norm2(A2(x)))
    text    x = x + A1(attention(norm1(x)))        x = x + A2(mlp(norm2(x)))

The adapters A of `lilt-lwa`, gain and bias [W] of every norm, the projections and the temperature train. Recipe: AdamW,
learning rate 2e-4, weight decay 1e-2, batch 32, 300 steps per shot, cosine to 1e-6.
"""

from __future__ import annotations

from collections.abc import Iterable

from torch import nn

from methods.base import RETRIEVAL, Clip, Count
from methods.layernorm import norm_parameters
from methods.lilt_lwa import LiltLwA
from methods.parts.lilt import DEIT_BERT, LILT_TABLE


class LiltLwALN(LiltLwA):
    name = "lilt-lwa-ln"
    trains = "layer-wise adapters, every LayerNorm, the projections, the temperature"
    groups = {"lilt": ("",)}
    counts = (
        Count(10_982_913, "lilt-lwa + norms 65,536"),
        Count(14_672_385, LILT_TABLE, kind=RETRIEVAL, backbone=DEIT_BERT),
    )

    def inside(self, clip: Clip) -> Iterable[nn.Parameter]:
        return [*super().inside(clip), *norm_parameters(clip)]
