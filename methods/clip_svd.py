"""CLIP-SVD: the singular values of the towers' matrices train, their singular vectors don't (Koleilat et al., 2025).

    W = U diag(s) V'             y = U (s * (V' x)) + b

for each linear of every block of both towers: attention's q, k, v and out, and both of the MLP. U [out, r], V [in, r] and b are
frozen, r the smaller of the two widths; s [r] is all that trains, 6 W numbers a block of width W. It starts at the singular
values themselves, so that the start is zero-shot but for rounding. Recipe: AdamW, learning rate 5e-4, weight decay 1e-2, batch
32, 200 steps per shot, cosine to 1e-6.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from methods.base import Clip, Count, Edit, EncoderMethod, Paper, Recipe, Start
from methods.parts.blocks import transformer_blocks


class ClipSVD(EncoderMethod):
    name = "clip-svd"
    trains = "the singular values of every linear of every block of both towers"
    starts_at_zero_shot = True
    counts = (Count(92_160, "6 W per block, 12 blocks of 768 and of 512"),)
    paper = Paper("Singular Value Few-shot Adaptation of Vision-Language Models", "2025", "arXiv:2509.03740")
    grid = {"lr": (1e-4, 5e-4, 2.5e-3)}

    @dataclass(frozen=True)
    class Params(EncoderMethod.Params):
        lr: float | None = 5e-4  # AdamW

    def adapt(self, clip: Clip, start: Start) -> Edit:
        trained: list[nn.Parameter] = []
        for block in [*transformer_blocks(clip.image), *transformer_blocks(clip.text)]:
            for parent in list(block.modules()):
                for name, child in list(parent.named_children()):
                    if isinstance(child, nn.Linear):
                        decomposed = decompose(child)
                        setattr(parent, name, decomposed)
                        trained += decomposed[1].parameters()
        return Edit(trained)

    def recipe(self, start: Start) -> Recipe:
        return Recipe(lr=self.params.lr, steps=200 * start.shots, final_lr=1e-6)


@torch.no_grad()
def decompose(linear: nn.Linear) -> nn.Sequential:
    """The same function as V', s and U in a row."""
    u, s, v = torch.linalg.svd(linear.weight.float(), full_matrices=False)
    return nn.Sequential(_linear(v, None), Scale(s), _linear(u, linear.bias))


def _linear(weight: Tensor, bias: nn.Parameter | None) -> nn.Linear:
    linear = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None, device="meta")
    linear.weight = nn.Parameter(weight.contiguous())
    if bias is not None:
        linear.bias = bias
    return linear


class Scale(nn.Module):
    """s * z"""

    def __init__(self, s: Tensor) -> None:
        super().__init__()
        self.s = nn.Parameter(s.clone())

    def forward(self, z: Tensor) -> Tensor:
        return self.s * z
