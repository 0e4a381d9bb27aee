"""LayerNorm tuning: gain and bias of every LayerNorm of both towers train (Frankle et al., ICLR 2021, for
batch norms; Kim et al., 2021, and LilT, Khan and Fu, ICLR 2023, for transformers).

    y = gain * (x - mean(x)) / sd(x) + bias        gain, bias [W], W the tower's width

Recipe: AdamW, learning rate 2e-4, weight decay 1e-2, batch 32, 300 steps per shot, cosine to 1e-6.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torch import nn

from methods.base import Count, EncoderMethod, Paper, Start


class LayerNormTuning(EncoderMethod):
    name = "layernorm"
    trains = "gain and bias of every LayerNorm of both towers"
    starts_at_zero_shot = True
    counts = (Count(65_536, "every LayerNorm"),)
    paper = Paper(
        "Contrastive Alignment of Vision to Language Through Parameter-Efficient Transfer Learning",
        "ICLR 2023",
        "arXiv:2303.11866",
    )

    def adapt(self, clip: Any, start: Start) -> Iterable[nn.Parameter]:
        return norm_parameters(clip)


def norm_parameters(clip: Any) -> list[nn.Parameter]:
    """Gains and biases of every LayerNorm of both towers."""
    norms = [module for module in [*clip.image.modules(), *clip.text.modules()] if isinstance(module, nn.LayerNorm)]
    return [parameter for norm in norms for parameter in (norm.weight, norm.bias)]
