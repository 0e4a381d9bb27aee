"""LiT: the image tower is locked, the text tower trains fully (Zhai et al., CVPR 2022; as LilT's tables have it).

    scores = exp(s) * f . t                        f = P x / |P x|, x [W image] of the locked tower, P [d, W image]
                                                   t from the text tower, unit length

P, s and every weight of the text tower train. Nothing of the image tower below its projection does, so that each image is
encoded once and banked. The start is zero-shot. Recipe: AdamW, learning rate 2e-4, weight decay 1e-2, batch 32,
300 steps per shot, cosine to 1e-6.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torch import nn

from methods.base import RETRIEVAL, Count, Paper
from methods.lilt import DEIT_BERT, LILT_TABLE, LiltMethod


class LiT(LiltMethod):
    name = "lit"
    trains = "the text tower, both projections, the temperature"
    starts_at_zero_shot = True
    paper = Paper("LiT: Zero-Shot Transfer with Locked-image text Tuning", "CVPR 2022", "arXiv:2111.07991")
    counts = (
        Count(63_821_313, "text tower 63,428,096 + image projection 393,216 + 1"),
        Count(109_283_841, LILT_TABLE, kind=RETRIEVAL, backbone=DEIT_BERT),
    )

    def inside(self, clip: Any) -> Iterable[nn.Parameter]:
        return clip.text.parameters()
