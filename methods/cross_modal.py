"""Cross-modal adaptation: a linear head for which class texts are examples as images are (Lin et al., CVPR 2023).

    logits[b, c] = tau x[b] . w[c]                        w [C, d] starts at t; its lengths are free from then on
    loss = (cross-entropy of the images f + cross-entropy of the class texts t, each of its own class) / 2

x: unit features, f [B, d] of images or t [C, d] of class texts; tau: the backbone's logit scale. w is all that trains. In the
published program half of each batch of 8 or 32 are texts, drawn from the templates of all classes; here every step sees all
class texts, of the task's first template: the same loss but for the noise of the draw. Each image counts twice there, as it is
and once more flipped by chance; here both of its views are flipped by chance. AdamW, 12,800 steps of 16 images, 50 steps of
warm-up, cosine per step. The published choice among learning rates 1e-3 and 1e-4, weight decays 0, 0.01 and 1e-4, both batch
sizes and, every 100 steps, where to stop is made on validation data; protocol `val` searches the rates and the decays. That
`fixed` has the larger rate, the decay 0.01 and the batch of 32 is an assumption; here it is always the last step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from methods.base import CLASSIFICATION, Count, Features, HeadMethod, Paper, Recipe, Support, Views

STEPS, WARMUP = 12_800, 50


class CrossModal(HeadMethod):
    name = "cross-modal"
    kinds = frozenset({CLASSIFICATION})
    trains = "class weights, from the class texts, which are examples, too"
    paper = Paper(
        "Multimodality Helps Unimodality: Cross-Modal Few-Shot Learning with Multimodal Models", "CVPR 2023", "arXiv:2301.06267"
    )
    counts = (Count(5_120, "C d"),)
    starts_at_zero_shot = True
    trains_on = "pooled"
    grid = {"lr": (1e-3, 1e-4), "decay": (0.0, 0.01, 1e-4)}

    @dataclass(frozen=True)
    class Params:
        lr: float = 1e-3  # AdamW
        decay: float = 0.01  # of the weights

    def views(self, kind: str) -> Views:
        return Views(count=2, smallest_crop=1.0)

    def head(self, support: Support) -> nn.Module:
        return LinearHead(support.features.candidates, support.logit_scale)

    def recipe(self, support: Support) -> Recipe:
        return Recipe(
            lr=self.params.lr, batch=16, steps=STEPS, weight_decay=self.params.decay, warmup=WARMUP / STEPS, warmup_lr=1e-5
        )

    def loss(self, scores: Tensor, labels: Tensor, support: Support) -> Tensor:
        return F.cross_entropy(scores, labels) / 2

    def penalty(self, head: Any, support: Support) -> Tensor:
        """The other half of the loss: the class texts as examples."""
        texts = support.features.candidates
        return F.cross_entropy(head.scores(texts), torch.arange(len(texts), device=texts.device)) / 2


class LinearHead(nn.Module):
    """The scores above."""

    def __init__(self, texts: Tensor, scale: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(texts.clone())
        self.scale = scale

    def scores(self, x: Tensor) -> Tensor:
        return self.scale * x @ self.weight.T

    def forward(self, features: Features) -> Tensor:
        return self.scores(features.image)
