"""LiT: one tower is locked, the other trains fully (Zhai et al., CVPR 2022; as LilT's tables have it).

    scores = exp(s) * f . t                        f = P x / |P x|, x [W image] of the locked tower, P [d, W image]
                                                   t from the text tower, unit length

Both projections P, s and every weight of the tower that isn't locked train: the text tower, or with `lock=text` the image
tower, or with `lock=both` neither. A locked tower is encoded once per image or text and banked. The start is zero-shot.
Recipe: AdamW, learning rate 2e-4, weight decay 1e-2, batch 32, 300 steps per shot, cosine to 1e-6.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from torch import nn

from methods.base import RETRIEVAL, Clip, Count, Paper
from methods.parts.lilt import DEIT_BERT, LILT_TABLE, LiltMethod


class LiT(LiltMethod):
    name = "lit"
    trains = "the text tower, both projections, the temperature"
    groups = {"lilt": ("", "lock=text", "lock=both")}
    starts_at_zero_shot = True
    paper = Paper("LiT: Zero-Shot Transfer with Locked-image text Tuning", "CVPR 2022", "arXiv:2111.07991")
    counts = (
        Count(63_821_313, "text tower 63,428,096 + image projection 393,216 + 1"),
        Count(86_454_785, "image tower 86,192,640 + text projection 262,144 + 1", "lock=text"),
        Count(655_361, "projections 393,216 + 262,144 + 1", "lock=both"),
        Count(109_283_841, LILT_TABLE, kind=RETRIEVAL, backbone=DEIT_BERT),
        Count(86_238_465, LILT_TABLE, "lock=text", kind=RETRIEVAL, backbone=DEIT_BERT),
        Count(393_729, LILT_TABLE, "lock=both", kind=RETRIEVAL, backbone=DEIT_BERT),
    )

    @dataclass(frozen=True)
    class Params(LiltMethod.Params):
        lock: Literal["image", "text", "both"] = "image"  # which tower stays as it is, but for its projection

    def inside(self, clip: Clip) -> Iterable[nn.Parameter]:
        unlocked = {"image": [clip.text], "text": [clip.image], "both": []}[self.params.lock]
        return [parameter for tower in unlocked for parameter in tower.parameters()]
