"""LilT-LwA: layer-wise adapters in every block of both towers (Khan and Fu, ICLR 2023).

    A(h) = h + U gelu(D h + d) + u                 D [W / 4, W], U [W, W / 4], weights N(0, 0.02^2), biases 0
    image   x = x + attention(norm1(A1(x)))        x = x + mlp(norm2(A2(x)))
    text    x = x + A1(attention(norm1(x)))        x = x + A2(mlp(norm2(x)))

The adapters, the projections and the temperature train. The up-projections don't start at zero, so that the start is
near zero-shot but not at it. Recipe: AdamW, learning rate 2e-4, weight decay 1e-2, batch 32, 300 steps per shot, cosine
to 1e-6.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from torch import nn

from methods.base import RETRIEVAL, Clip, Count
from methods.parts.blocks import transformer_blocks
from methods.parts.bottleneck import Bottleneck
from methods.parts.lilt import DEIT_BERT, LILT_TABLE, LiltMethod


class LiltLwA(LiltMethod):
    name = "lilt-lwa"
    trains = "layer-wise adapters, the projections, the temperature"
    groups = {"lilt": ("",)}
    counts = (
        Count(10_917_377, "24 adapters of 295,872 and 24 of 131,712 + projections 655,360 + 1"),
        Count(14_595_585, LILT_TABLE, kind=RETRIEVAL, backbone=DEIT_BERT),
    )

    @dataclass(frozen=True)
    class Params(LiltMethod.Params):
        reduction: int = 4  # the tower's width over the bottleneck's

        def __post_init__(self) -> None:
            if self.reduction < 1:
                raise ValueError("reduction must be at least 1")

    def inside(self, clip: Clip) -> Iterable[nn.Parameter]:
        added: list[nn.Parameter] = []
        for tower in (clip.image, clip.text):
            for block in transformer_blocks(tower):
                first, second = (Bottleneck(tower.width, tower.width // self.params.reduction) for _ in range(2))
                if tower is clip.image:
                    block.ln_1, block.ln_2 = nn.Sequential(first, block.ln_1), nn.Sequential(second, block.ln_2)
                else:
                    block.ls_1, block.ls_2 = nn.Sequential(block.ls_1, first), nn.Sequential(block.ls_2, second)
                added += [*first.parameters(), *second.parameters()]
        return added
