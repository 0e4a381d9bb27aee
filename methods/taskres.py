"""TaskRes: a learned residual on the class texts (Yu et al., CVPR 2023).

    t'[c] = t[c] + alpha x[c], then unit length          x [C, d] starts at 0, alpha 0.5
    logits[b, c] = tau * f[b] . t'[c]

f: unit image features [B, d]; t: unit class texts [C, d]; tau: the backbone's logit scale. x is all that trains.
Adam, learning rate 2e-3, batch 256, 100 epochs up to four shots and 200 beyond, cosine per epoch, first epoch at 1e-5.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from methods.base import CLASSIFICATION, Count, Features, HeadMethod, Paper, Recipe, Support


class TaskRes(HeadMethod):
    name = "taskres"
    kinds = frozenset({CLASSIFICATION})
    trains = "a residual on each class text"
    paper = Paper("Task Residual for Tuning Vision-Language Models", "CVPR 2023", "arXiv:2211.10277")
    counts = (Count(5_120, "C d"),)
    starts_at_zero_shot = True
    grid = {"lr": (2e-4, 2e-3, 2e-2)}

    @dataclass(frozen=True)
    class Params:
        alpha: float = 0.5  # weight of the residual
        lr: float = 2e-3  # Adam

    def head(self, support: Support) -> nn.Module:
        return TextResidual(support.features.candidates, self.params.alpha, support.logit_scale)

    def recipe(self, support: Support) -> Recipe:
        epochs = 100 if support.shots <= 4 else 200
        return Recipe(
            "adam", self.params.lr, batch=256, epochs=epochs, weight_decay=0.0, stairs=True, warmup_epochs=1, warmup_lr=1e-5
        )


class TextResidual(nn.Module):
    """Cosine to class texts that have moved."""

    def __init__(self, texts: Tensor, alpha: float, scale: float) -> None:
        super().__init__()
        self.residual = nn.Parameter(torch.zeros_like(texts))
        self.alpha, self.scale = alpha, scale

    def forward(self, features: Features) -> Tensor:
        moved = F.normalize(features.candidates + self.alpha * self.residual, dim=-1)
        return self.scale * features.image @ moved.T
