"""LilT-LN: every LayerNorm of both towers, the projections and the temperature train (Khan and Fu, ICLR 2023).

    y = gain * (x - mean(x)) / sd(x) + bias       gain, bias [W], W the tower's width
    scores = exp(s) * f . t                        f = P x / |P x|, P [d, W image]; t likewise, P [d, W text]

gain, bias, both P and s train; all linears inside the blocks stay. The start is zero-shot. Recipe: AdamW, learning rate
2e-4, weight decay 1e-2, batch 32, 300 steps per shot, cosine to 1e-6.
"""

from __future__ import annotations

from collections.abc import Iterable

from torch import nn

from methods.base import RETRIEVAL, Clip, Count
from methods.layernorm import norm_parameters
from methods.parts.lilt import DEIT_BERT, LILT_TABLE, LiltMethod


class LiltLN(LiltMethod):
    name = "lilt-ln"
    trains = "every LayerNorm, the projections, the temperature"
    groups = {"lilt": ("",)}
    starts_at_zero_shot = True
    counts = (
        Count(720_897, "norms 65,536 + projections 655,360 + 1"),
        Count(470_529, LILT_TABLE, kind=RETRIEVAL, backbone=DEIT_BERT),
    )

    def inside(self, clip: Clip) -> Iterable[nn.Parameter]:
        return norm_parameters(clip)
