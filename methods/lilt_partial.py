"""LilT's partial unfreezing: the last pretrained blocks of each tower train (Khan and Fu, ICLR 2023).

    x = blocks[n - blocks + 1 .. n](x), x [tokens, W]          f = P norm(x) / |P norm(x)|, P [d, W]

Trained: the last `blocks` of a tower's n blocks, the towers' final norms and their projections into the shared space; with
`ln` every other norm, too. Without it all below is frozen, so that it is computed once per image and text and banked.
Recipe: AdamW, learning rate 2e-4, weight decay 1e-2, batch 32, 300 steps per shot, cosine to 1e-6.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from methods.base import RETRIEVAL, Clip, Count, Edit, NotApplicable, Start
from methods.layernorm import norm_parameters
from methods.parts.lilt import DEIT_BERT, LILT_TABLE, LiltMethod


class LiltPartial(LiltMethod):
    name = "lilt-partial"
    trains = "the last block, final norm and projection of each tower"
    groups = {"lilt": ("", "ln=true")}
    starts_at_zero_shot = True
    counts = (
        Count(10_898_176, "last blocks 7,087,872 + 3,152,384, norms, projections"),
        Count(21_138_432, "the same with two blocks", "blocks=2"),
        Count(10_956_032, "one block, norms 65,536 - 2,560 - 5,120 more", "ln=true"),
        Count(14_571_009, LILT_TABLE, kind=RETRIEVAL, backbone=DEIT_BERT),
        Count(14_640_129, LILT_TABLE, "ln=true", kind=RETRIEVAL, backbone=DEIT_BERT),
    )

    @dataclass(frozen=True)
    class Params(LiltMethod.Params):
        blocks: int = 1  # how many of each tower, from the top
        ln: bool = False  # whether every LayerNorm trains, too; nothing is banked then

        def __post_init__(self) -> None:
            if self.blocks < 0:
                raise ValueError("blocks must not be negative")

    def adapt(self, clip: Clip, start: Start) -> Edit:
        trained: list[nn.Parameter] = norm_parameters(clip) if self.params.ln else []
        for tower in (clip.image, clip.text):
            if self.params.blocks > len(tower.blocks):
                raise NotApplicable(f"blocks={self.params.blocks}, but a tower has only {len(tower.blocks)}")
            unfrozen = [*tower.blocks[len(tower.blocks) - self.params.blocks :], tower.head]
            trained += [parameter for stage in unfrozen for parameter in stage.parameters()]
        return Edit(dict.fromkeys(trained))
