"""MMA: bottlenecks beside the upper blocks of both towers, whose middle layers the towers share (Yang et al., CVPR 2024).

    x = block(x) + s (U relu(M relu(D ln_1(x) + d) + m) + u)      D [r, W], U [W, r] of each block; M [r, r] of a pair of blocks

ln_1: the block's own first norm, frozen; r 32, s 0.001. D, M, U, d, m and u are all that trains; their
gradients are taken as if s were 1, as in the authors' program, while what passes on to x is scaled. M is shared by the blocks of
the same height in the two towers, counted from the last one down: eight of them, blocks 5 to 12 of CLIP's; fewer where a tower
has fewer. Weights start at N(0, 2 / fan out), biases at zero: near zero-shot, but not at it. SGD, learning rate 1.5e-3, momentum
0.9, weight decay 5e-4, batch 16, 5 epochs, cosine per epoch by Dassl's loop without its warm-up, crops and flips, last step;
class texts are "a photo of a {}." on all data sets. That is the program's configuration for 16 shots of half of the classes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from methods.base import Clip, Count, Edit, EncoderMethod, Paper, Recipe, Start
from methods.parts.blocks import transformer_blocks
from methods.parts.dassl import dassl_recipe
from methods.parts.prompting import CONTEXT


class MMA(EncoderMethod):
    name = "mma"
    trains = "bottlenecks beside the upper blocks of both towers, their middle layers shared"
    counts = (Count(674_560, "8 x (2 x 32 x (768 + 512) + 2 x 32 + 768 + 512 + 32 x 33)"),)
    paper = Paper("MMA: Multi-Modal Adapter for Vision-Language Models", "CVPR 2024")
    grid = {"lr": (1.5e-4, 1.5e-3, 1.5e-2)}

    @dataclass(frozen=True)
    class Params(EncoderMethod.Params):
        lr: float | None = 1.5e-3  # SGD
        width: int = 32  # of the bottleneck
        depth: int = 8  # blocks with one, from the last one down
        scale: float = 0.001

        def __post_init__(self) -> None:
            if self.width < 1 or self.depth < 1:
                raise ValueError("width and depth must be at least 1")

    def adapt(self, clip: Clip, start: Start) -> Edit:
        towers = (clip.image, clip.text)
        added: list[nn.Parameter] = []
        depth = min(self.params.depth, *(len(transformer_blocks(tower)) for tower in towers))
        for height in range(depth):
            shared = nn.Linear(self.params.width, self.params.width)
            for tower in towers:
                number = len(tower.stages) - 2 - height
                bottleneck = SharedBottleneck(tower.width, shared, self.params.scale)
                tower.stages[number] = Beside(tower.stages[number], bottleneck)
                added += bottleneck.parameters()
        return Edit(dict.fromkeys(added))

    def templates(self, own: tuple[str, ...]) -> tuple[str, ...]:
        return (CONTEXT + " {}.",)

    def recipe(self, start: Start) -> Recipe:
        return replace(dassl_recipe("sgd", self.params.lr, batch=16, epochs=5), warmup_epochs=0)


class SharedBottleneck(nn.Module):
    """s (U relu(M relu(D x + d) + m) + u), whose own gradients are those of s = 1."""

    def __init__(self, width: int, shared: nn.Linear, scale: float) -> None:
        super().__init__()
        self.down, self.shared, self.up = nn.Linear(width, shared.in_features), shared, nn.Linear(shared.out_features, width)
        self.scale = scale
        for linear in (self.down, self.shared, self.up):
            nn.init.kaiming_normal_(linear.weight, mode="fan_out", nonlinearity="relu")
            nn.init.zeros_(linear.bias)

    def forward(self, x: Tensor) -> Tensor:
        inner = F.relu(self.down(gradient_times(x, self.scale)))
        return gradient_times(self.scale * self.up(F.relu(self.shared(inner))), 1 / self.scale)


class Beside(nn.Module):
    """A block, and a bottleneck that takes what the block's first norm makes of the same input."""

    def __init__(self, block: Any, bottleneck: nn.Module) -> None:
        super().__init__()
        self.block, self.bottleneck = block, bottleneck

    def forward(self, x: Tensor, inputs: Tensor | None = None) -> Tensor:
        passed: Tensor = self.block(x, inputs)
        added: Tensor = self.bottleneck(self.block.ln_1(x))
        return passed + added


class _GradientTimes(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, factor: float) -> Tensor:
        ctx.factor = factor
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return ctx.factor * gradients[0], None


def gradient_times(x: Tensor, factor: float) -> Tensor:
    """x, whose gradient is multiplied on its way back."""
    same: Tensor = _GradientTimes.apply(x, factor)
    return same
