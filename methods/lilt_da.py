"""LilT-DA: deep adapters, one new transformer block on top of each tower's stack (Khan and Fu, ICLR 2023).

    x = B(blocks(x)), x [tokens, W]                f = P norm(x) / |P norm(x)|, P [d, W]

The new block B has the shape of the tower's last one and random weights: N(0, 0.02^2), biases 0, norms 1 and 0. It trains
with the image tower's final norm, both projections P and the temperature; everything below is frozen, so that it is
computed once and banked. With `ln` every norm of both towers trains along. A random block in front of the projection does
not start at zero-shot. Recipe: AdamW, learning rate 2e-4, weight decay 1e-2, batch 32, 300 steps per shot, cosine to 1e-6.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass

from torch import nn

from methods.base import RETRIEVAL, Clip, Count
from methods.layernorm import norm_parameters
from methods.parts.blocks import transformer_blocks
from methods.parts.lilt import DEIT_BERT, LILT_TABLE, LiltMethod, final_norm


class LiltDA(LiltMethod):
    name = "lilt-da"
    trains = "a new block on each tower, the image tower's final norm, the projections, the temperature"
    groups = {"lilt": ("", "ln=true")}
    counts = (
        Count(10_897_153, "blocks 7,087,872 + 3,152,384, norm 1,536, projections 655,360, 1"),
        Count(10_961_153, "the same + norms 65,536 - 1,536", "ln=true"),
        Count(14_571_009, LILT_TABLE, kind=RETRIEVAL, backbone=DEIT_BERT),
        Count(14_646_273, LILT_TABLE, "ln=true", kind=RETRIEVAL, backbone=DEIT_BERT),
    )

    @dataclass(frozen=True)
    class Params(LiltMethod.Params):
        ln: bool = False  # whether every LayerNorm below trains, too; nothing is banked then

    def inside(self, clip: Clip) -> Iterable[nn.Parameter]:
        trained: list[nn.Parameter] = []
        for tower in (clip.image, clip.text):
            transformer_blocks(tower)  # a convolutional block would be none of LilT's
            block = randomised(copy.deepcopy(tower.blocks[-1]))
            tower.stages.insert(len(tower.stages) - 1, block)
            trained += block.parameters()
        return [*trained, *(norm_parameters(clip) if self.params.ln else final_norm(clip.image))]


LAYER_SCALE = 1e-5  # what it starts at (Touvron et al., ICCV 2021)


def randomised(block: nn.Module) -> nn.Module:
    """The block with fresh weights."""
    for module in block.modules():
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=0.02)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.LayerNorm):
            module.reset_parameters()
        elif isinstance(gamma := getattr(module, "gamma", None), nn.Parameter):  # a layer scale
            nn.init.constant_(gamma, LAYER_SCALE)
    return block
