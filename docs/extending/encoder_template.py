"""Scaled MLPs: a learned factor on what the MLP of every block gives. Copy it, and say here what yours does.

    x = x + s * mlp(norm(x))          s [W] starts at ones; all s of both towers are what trains

Recipe: AdamW, learning rate 2e-4, weight decay 1e-2, batch 32, 300 steps per shot, cosine to 1e-6.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from methods.base import Clip, Count, Edit, EncoderMethod, Paper, Start
from methods.parts.blocks import transformer_blocks


class ScaledMLP(EncoderMethod):
    name = "scaled-mlp"
    # `family` is "inside the encoder" already; "prompt" is for prompts, "full" for what trains most weights.
    # `kinds` are all three already.
    trains = "a factor for each channel of every MLP of both towers"
    paper = Paper("None: a template", "docs/extending")
    counts = (Count(15_360, "12 x 768 + 12 x 512"),)
    starts_at_zero_shot = True

    @dataclass(frozen=True)
    class Params(EncoderMethod.Params):  # brings `lr`, which every encoder method has
        image_only: bool = False  # whether the text tower stays as it is

    def adapt(self, clip: Clip, start: Start) -> Edit:
        # `clip` is yours: edit it in place, and don't deepcopy it. Nothing trains that isn't returned, all that is
        # returned must be inside `clip`, and a head that you train along goes into Edit(head=...).
        added: list[nn.Parameter] = []
        for tower in (clip.image,) if self.params.image_only else (clip.image, clip.text):
            for block in transformer_blocks(tower):  # raises NotApplicable for a convolutional tower
                scale = Scale(tower.width)  # towers differ in width
                # Wrap a part; a new block or a changed `forward` would work on one family of towers only.
                block.mlp = nn.Sequential(block.mlp, scale)
                added.append(scale.weight)
        return Edit(added)

    # def recipe(self, start: Start) -> Recipe: only if yours isn't the default of the docstring.
    # def views(self, kind: str) -> Views: only if ten crops with flips aren't what you want.


class Scale(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))  # random starts: torch's own generator, which the harness seeds

    def forward(self, x: Tensor) -> Tensor:
        """[B, L, W]"""
        return x * self.weight
