"""LayerNorm tuning: gain and bias of every LayerNorm of both towers train (Frankle et al., ICLR 2021, for
batch norms; Kim et al., 2021, and LilT, Khan and Fu, ICLR 2023, for transformers).

    y = gain * (x - mean(x)) / sd(x) + bias        gain, bias [W], W the tower's width

Recipe: AdamW, learning rate 2e-4, weight decay 1e-2, batch 32, 300 steps per shot, cosine to 1e-6.
"""

from __future__ import annotations

from torch import nn

from methods.base import Clip, Count, Edit, EncoderMethod, NotApplicable, Paper, Start, Tower


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

    def adapt(self, clip: Clip, start: Start) -> Edit:
        return Edit(norm_parameters(clip))


def norm_parameters(clip: Clip) -> list[nn.Parameter]:
    """Gains and biases of every LayerNorm of both towers. Raises NotApplicable if one of them has none."""
    return [*tower_norms(clip.image), *tower_norms(clip.text)]


def tower_norms(tower: Tower) -> list[nn.Parameter]:
    """Gains and biases of every LayerNorm of a tower. Raises NotApplicable if it has none."""
    norms = [module for module in tower.modules() if isinstance(module, nn.LayerNorm)]
    if not norms:
        raise NotApplicable(f"the tower {tower.name} has no LayerNorm")
    return [parameter for norm in norms for parameter in (norm.weight, norm.bias)]
