"""LoRA in both towers (Hu et al., ICLR 2022; few-shot recipe of CLIP-LoRA, Zanella and Ben Ayed, CVPRW 2024).

    y = W x + b + (alpha / sqrt(r)) B A dropout(x)      A [r, in] Kaiming-uniform, B [out, r] zero at the start

in place of the q, k and v linears of every block of both towers; A and B are all that trains. AdamW, learning
rate 2e-4, weight decay 1e-2, batch 32, 500 steps per shot, cosine to 1e-6, dropout 0.25, random resized crops
(0.08, 1) with flips, last step.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import loralib
from torch import nn

from methods.base import Clip, Count, Edit, EncoderMethod, Paper, Recipe, Start
from methods.parts.blocks import transformer_blocks

LINEARS = {"q": "q", "k": "k", "v": "v", "o": "out"}


class LoRA(EncoderMethod):
    name = "lora"
    trains = "low-rank updates of q, k and v in every block of both towers"
    groups = {"lilt": ("",)}
    starts_at_zero_shot = True
    counts = (
        Count(184_320, "CLIP-LoRA, rank 2"),
        Count(491_520, "8 r W per block, 12 blocks of 768 and of 512", "r=4,where=qkvo"),
    )
    paper = Paper("Low-Rank Few-Shot Adaptation of Vision-Language Models", "CVPR workshops 2024", "arXiv:2405.18541")

    @dataclass(frozen=True)
    class Params(EncoderMethod.Params):
        r: int = 2  # rank
        alpha: float = 1.0  # scaling is alpha / sqrt(r)
        dropout: float = 0.25  # on the input of A
        where: str = "qkv"  # which linears of the attention: letters out of q, k, v, o

        def __post_init__(self) -> None:
            if self.r < 1:
                raise ValueError("r must be at least 1")
            if not self.where or set(self.where) - set(LINEARS):
                raise ValueError(f"where must be letters out of {''.join(LINEARS)}, got {self.where!r}")

    def adapt(self, clip: Clip, start: Start) -> Edit:
        trained = []
        for tower in (clip.image, clip.text):
            for block in transformer_blocks(tower):
                for letter in sorted(set(self.params.where)):
                    wrapped = self.wrap(getattr(block.attn, LINEARS[letter]))
                    setattr(block.attn, LINEARS[letter], wrapped)
                    trained += [wrapped.lora_A, wrapped.lora_B]
        return Edit(trained)

    def wrap(self, linear: nn.Linear) -> loralib.Linear:
        """The same linear with a low-rank update of zero beside it."""
        wrapped = loralib.Linear(
            linear.in_features,
            linear.out_features,
            r=self.params.r,
            lora_alpha=self.params.alpha,
            lora_dropout=self.params.dropout,
            merge_weights=False,
        )
        wrapped.scaling = self.params.alpha / math.sqrt(self.params.r)
        wrapped.weight, wrapped.bias = linear.weight, linear.bias
        return wrapped.to(linear.weight.device)

    def recipe(self, start: Start) -> Recipe:
        return Recipe(lr=self.params.lr, steps=500 * start.shots, final_lr=1e-6)
