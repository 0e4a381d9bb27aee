"""Regularised linear adapter: a linear map on the image features that is held at the identity (Fahes et al., 2024).

    logits[b, c] = tau * (A f[b]) . t[c] / |A f[b]|           A [d, d] starts at the identity
    loss = cross-entropy + lambda |A - I|^2                    lambda 1 / shots

f: image features [B, d] as the tower gives them; t: unit class texts [C, d]; tau: the backbone's logit scale. A is all that
trains. The control in ProLIP's paper, with ProLIP's recipe: Adam, eps 1e-4, learning rate 1e-5, all of the support at each
of 300 steps, another augmented view at each, cosine. Published without validation: the rate and lambda are the paper's own
rule for all data sets and shots.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from methods.base import CLASSIFICATION, Count, Features, HeadMethod, Paper, Recipe, Support, Views


class RegularisedLinearAdapter(HeadMethod):
    name = "rla"
    kinds = frozenset({CLASSIFICATION})
    trains = "a linear map on the image features, held at the identity"
    paper = Paper("CLIP's Visual Embedding Projector is a Few-shot Cornucopia (its control)", "2024", "arXiv:2410.05270")
    counts = (Count(262_144, "d^2"),)
    starts_at_zero_shot = True
    trains_on = "fresh"
    grid = {"lr": (1e-5, 1e-4, 1e-3)}

    @dataclass(frozen=True)
    class Params:
        lr: float = 1e-5  # Adam
        strength: float | None = None  # lambda; None: 1 / shots

    @property
    def bound_to_classes(self) -> bool:
        return False

    def views(self, kind: str) -> Views:
        return Views(count=10, smallest_crop=0.5)

    def head(self, support: Support) -> nn.Module:
        return LinearAdapter(support.features.image_raw.shape[1], support.logit_scale)

    def recipe(self, support: Support) -> Recipe:
        return Recipe("adam", self.params.lr, batch=len(support), steps=300, weight_decay=0.0, eps=1e-4)

    def penalty(self, head: Any, support: Support) -> Tensor:
        strength = 1 / support.shots if self.params.strength is None else self.params.strength
        moved = head.map.weight - torch.eye(len(head.map.weight)).to(head.map.weight)
        penalty: Tensor = strength * moved.square().sum()
        return penalty


class LinearAdapter(nn.Module):
    """The scores above."""

    def __init__(self, width: int, scale: float) -> None:
        super().__init__()
        self.map = nn.Linear(width, width, bias=False)
        nn.init.eye_(self.map.weight)
        self.scale = scale

    def forward(self, features: Features) -> Tensor:
        return self.scale * F.normalize(self.map(features.image_raw), dim=-1) @ features.candidates.T
