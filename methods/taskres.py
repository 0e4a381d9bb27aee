"""TaskRes: a learned residual on the class texts (Yu et al., CVPR 2023).

    t'[c] = t[c] + alpha x[c], then unit length          x [C, d] starts at 0, alpha 0.5
    logits[b, c] = tau * f[b] . t'[c]

f: unit image features [B, d]; t: class texts [C, d] as the text tower gives them, not of unit length: a step of x turns a
long text less (`base=unit` shortens them first); tau: the backbone's logit scale. x is all that trains. Adam, learning rate
2e-3, L2 5e-4, batch 256, 100 epochs up to four shots and 200 beyond, on crops and flips, by Dassl's loop.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from methods.base import CLASSIFICATION, Base, Count, Features, HeadMethod, Paper, Recipe, Support, Views
from methods.parts.dassl import VIEWS, dassl_recipe


class TaskRes(HeadMethod):
    name = "taskres"
    kinds = frozenset({CLASSIFICATION})
    trains = "a residual on each class text"
    paper = Paper("Task Residual for Tuning Vision-Language Models", "CVPR 2023", "arXiv:2211.10277")
    counts = (Count(5_120, "C d"),)
    starts_at_zero_shot = True
    trains_on = "fresh"
    grid = {"lr": (2e-4, 2e-3, 2e-2)}

    @dataclass(frozen=True)
    class Params:
        alpha: float = 0.5  # weight of the residual
        lr: float = 2e-3  # Adam
        base: Base = "raw"  # the class texts that the residual is added to

    def views(self, kind: str) -> Views:
        return VIEWS

    def head(self, support: Support) -> nn.Module:
        return TextResidual(support.features.candidates, self.params.alpha, support.logit_scale, self.params.base)

    def recipe(self, support: Support) -> Recipe:
        return dassl_recipe("adam", self.params.lr, batch=256, epochs=100 if support.shots <= 4 else 200)


class TextResidual(nn.Module):
    """Cosine to class texts that have moved."""

    def __init__(self, texts: Tensor, alpha: float, scale: float, base: Base) -> None:
        super().__init__()
        self.residual = nn.Parameter(torch.zeros_like(texts))
        self.alpha, self.scale, self.base = alpha, scale, base

    def forward(self, features: Features) -> Tensor:
        moved = F.normalize(features.texts_of(self.base) + self.alpha * self.residual, dim=-1)
        return self.scale * features.image @ moved.T
