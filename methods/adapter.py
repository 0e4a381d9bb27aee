"""Adapters in every block of both towers (Houlsby et al., ICML 2019).

    x = x + A1(attention(norm1(x)))        A(h) = h + U gelu(D h + d) + u        D [width, W], U [W, width]
    x = x + A2(mlp(norm2(x)))

D, U, d and u of every A train. U and the biases start at zero, so that the start is zero-shot. Recipe: AdamW, learning
rate 2e-4, weight decay 1e-2, batch 32, 300 steps per shot, cosine to 1e-6.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from methods.base import Clip, Count, Edit, EncoderMethod, Paper, Start
from methods.parts.blocks import transformer_blocks
from methods.parts.bottleneck import Bottleneck


class Adapter(EncoderMethod):
    name = "adapter"
    trains = "bottlenecks after the attention and the MLP of every block"
    starts_at_zero_shot = True
    paper = Paper("Parameter-Efficient Transfer Learning for NLP", "ICML 2019", "arXiv:1902.00751")
    counts = (Count(3_965_952, "24 (2 x 64 x W + 64 + W), W = 768 and 512"),)

    @dataclass(frozen=True)
    class Params(EncoderMethod.Params):
        width: int = 64  # of the bottleneck

        def __post_init__(self) -> None:
            if self.width < 1:
                raise ValueError("width must be at least 1")

    def adapt(self, clip: Clip, start: Start) -> Edit:
        added: list[nn.Parameter] = []
        for tower in (clip.image, clip.text):
            for block in transformer_blocks(tower):
                after_attention, after_mlp = (Bottleneck(tower.width, self.params.width, zero=True) for _ in range(2))
                block.attn.out = nn.Sequential(block.attn.out, after_attention)
                block.mlp = nn.Sequential(block.mlp, after_mlp)
                added += [*after_attention.parameters(), *after_mlp.parameters()]
        return Edit(added)
