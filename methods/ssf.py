"""SSF: a scale and a shift of every feature inside the blocks (Lian et al., NeurIPS 2022).

    y = gamma * z + beta        z: what a linear or a LayerNorm gives [.., n]; gamma, beta [n]

after each linear (attention's q, k, v and out, both of the MLP) and each LayerNorm of every block of both towers; patch
embedding, the norms outside the blocks and the projections stay plain. gamma and beta are all that trains: 22 W numbers a
block of width W. gamma starts at 1 and beta at 0, so that the start is zero-shot. Recipe: AdamW, learning rate 2e-4, weight
decay 1e-2, batch 32, 300 steps per shot, cosine to 1e-6.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from methods.base import Clip, Count, Edit, EncoderMethod, Paper, Start
from methods.parts.blocks import transformer_blocks


class SSF(EncoderMethod):
    name = "ssf"
    trains = "a scale and a shift after every linear and LayerNorm of every block of both towers"
    starts_at_zero_shot = True
    counts = (Count(337_920, "22 W per block, 12 blocks of 768 and of 512"),)
    paper = Paper(
        "Scaling & Shifting Your Features: A New Baseline for Efficient Model Tuning", "NeurIPS 2022", "arXiv:2210.08823"
    )

    def adapt(self, clip: Clip, start: Start) -> Edit:
        added: list[nn.Parameter] = []
        for block in [*transformer_blocks(clip.image), *transformer_blocks(clip.text)]:
            for parent in list(block.modules()):
                for name, child in list(parent.named_children()):
                    if isinstance(child, nn.Linear | nn.LayerNorm):
                        after = ScaleShift(child.out_features if isinstance(child, nn.Linear) else child.normalized_shape[-1])
                        setattr(parent, name, nn.Sequential(child, after))
                        added += after.parameters()
        return Edit(added)


class ScaleShift(nn.Module):
    """gamma * z + beta"""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(width))
        self.beta = nn.Parameter(torch.zeros(width))

    def forward(self, z: Tensor) -> Tensor:
        return self.gamma * z + self.beta
