"""LilT-BitFit: every bias of both towers, the projections and the temperature train (Khan and Fu, ICLR 2023).

    y = W x + b                                    W frozen, b trains, for every linear and every norm
    scores = exp(s) * f . t                        f = P x / |P x|, P [d, W image]; t likewise, P [d, W text]

Every b, both P and s train. The start is zero-shot. Recipe: AdamW, learning rate 2e-4, weight decay 1e-2, batch 32,
300 steps per shot, cosine to 1e-6.
"""

from __future__ import annotations

from collections.abc import Iterable

from torch import nn

from methods.base import RETRIEVAL, Clip, Count
from methods.bitfit import biases
from methods.parts.lilt import DEIT_BERT, LILT_TABLE, LiltMethod


class LiltBitFit(LiltMethod):
    name = "lilt-bitfit"
    trains = "every bias, the projections, the temperature"
    groups = {"lilt": ("",)}
    starts_at_zero_shot = True
    counts = (
        Count(826_369, "biases 171,008 + projections 655,360 + 1"),
        Count(598_785, LILT_TABLE, kind=RETRIEVAL, backbone=DEIT_BERT),
    )

    def inside(self, clip: Clip) -> Iterable[nn.Parameter]:
        return biases(clip)
