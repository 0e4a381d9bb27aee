"""CLIP-Adapter: a bottleneck on the image features (Gao et al., IJCV 2023).

    A(f) = relu(W2 relu(W1 f))                           W1 [d / 4, d], W2 [d, d / 4], no bias
    f'[b] = r A(f[b]) + (1 - r) f[b], then unit length   r = 0.2
    logits[b, c] = tau * f'[b] . t[c]

f: unit image features [B, d]; t: unit class texts [C, d]; tau: the backbone's logit scale. W1 and W2 train: d^2 / 2
numbers; with r = 0 it is zero-shot. Recipe as LP++ (Huang et al., CVPR 2024) reruns it: plain SGD, learning rate 0.01,
batch 32, 200 epochs, cosine; the unit length of f' is from CLIP-Adapter's own code. On the bundled backbone, whose tau
is 30 and not 100, so small steps gain no more than a few points over zero-shot.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional as F

from methods.base import CLASSIFICATION, Count, Features, HeadMethod, Paper, Recipe, Support


class ClipAdapter(HeadMethod):
    name = "clip-adapter"
    kinds = frozenset({CLASSIFICATION})
    trains = "a two-layer bottleneck on the image features"
    paper = Paper("CLIP-Adapter: Better Vision-Language Models with Feature Adapters", "IJCV 2023", "arXiv:2110.04544")
    counts = (Count(131_072, "d^2 / 2"),)
    grid = {"lr": (1e-3, 1e-2, 1e-1)}

    @dataclass(frozen=True)
    class Params:
        r: float = 0.2  # share of the adapter in the features
        lr: float = 0.01  # SGD

        def __post_init__(self) -> None:
            if not 0 <= self.r <= 1:
                raise ValueError("r must be between 0 and 1")

    def head(self, support: Support) -> nn.Module:
        return FeatureAdapter(support.features.image_raw.shape[1], self.params.r, support.logit_scale)

    def recipe(self, support: Support) -> Recipe:
        return Recipe("sgd", self.params.lr, batch=32, epochs=200, momentum=0.0, weight_decay=0.0)


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
