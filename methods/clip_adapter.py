"""CLIP-Adapter: a bottleneck on the image features (Gao et al., IJCV 2023).

    A(f) = relu(W2 relu(W1 f))                           W1 [d / 4, d], W2 [d, d / 4], no bias
    f'[b] = r A(f[b]) + (1 - r) f[b], then unit length   r = 0.2
    logits[b, c] = tau * f'[b] . t[c]

f: unit image features [B, d]; t: unit class texts [C, d]; tau: the backbone's logit scale. W1 and W2 train: d^2 / 2
numbers; with r = 0 it is zero-shot. The published program trains by Dassl's loop, on crops and flips, and comes without
its settings: learning rate 0.01, batch 32 and 200 epochs are what LP++ (Huang et al., CVPR 2024) reruns it with, though by
SGD without momentum on f' as it is, a method that is neither paper's own.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional as F

from methods.base import CLASSIFICATION, Count, Features, HeadMethod, Paper, Recipe, Support, Views
from methods.parts.dassl import VIEWS, dassl_recipe


class ClipAdapter(HeadMethod):
    name = "clip-adapter"
    kinds = frozenset({CLASSIFICATION})
    trains = "a two-layer bottleneck on the image features"
    paper = Paper("CLIP-Adapter: Better Vision-Language Models with Feature Adapters", "IJCV 2023", "arXiv:2110.04544")
    counts = (Count(131_072, "d^2 / 2"),)
    trains_on = "fresh"
    grid = {"lr": (1e-3, 1e-2, 1e-1)}

    @dataclass(frozen=True)
    class Params:
        r: float = 0.2  # share of the adapter in the features
        lr: float = 0.01  # SGD

        def __post_init__(self) -> None:
            if not 0 <= self.r <= 1:
                raise ValueError("r must be between 0 and 1")

    @property
    def bound_to_classes(self) -> bool:
        return False

    def views(self, kind: str) -> Views:
        return VIEWS

    def head(self, support: Support) -> nn.Module:
        return FeatureAdapter(support.features.image_raw.shape[1], self.params.r, support.logit_scale)

    def recipe(self, support: Support) -> Recipe:
        return dassl_recipe("sgd", self.params.lr, batch=32, epochs=200)


class FeatureAdapter(nn.Module):
    """Zero-shot with adapted image features."""

    def __init__(self, width: int, r: float, scale: float) -> None:
        super().__init__()
        self.down = nn.Linear(width, width // 4, bias=False)
        self.up = nn.Linear(width // 4, width, bias=False)
        self.r, self.scale = r, scale

    def forward(self, features: Features) -> Tensor:
        f = features.image
        adapted = self.r * F.relu(self.up(F.relu(self.down(f)))) + (1 - self.r) * f
        return self.scale * F.normalize(adapted, dim=-1) @ features.candidates.T
