"""ProKeR: kernel ridge regression of what zero-shot gets wrong on the support (Bendou et al., CVPR 2025).

    logits[b, c] = tau (f[b] . t[c] + sum over m of k(f[b], x[m]) a[m, c])
    a = (K / lambda + I)^-1 (Y - X T')                  k(x, y) = exp(-beta (1 - x . y)),  K[m, n] = k(x[m], x[n])

f: unit image features [B, d]; t: unit class texts [C, d] (T); x [M, d] (X): the unit features of all augmented views of the
support; Y [M, C]: their labels, one-hot. Closed form, nothing trains; tau, the backbone's logit scale, changes no
prediction and makes the scores logits. Stored: X and a, M (d + C) numbers; M^2 are held while it is solved, so that it is
refused above 20,000 views (8 GB). Protocol `fixed`: the pairs of beta and lambda that the published program takes by shots
where it has no validation set of the task's own (found on ImageNet with RN50). `val` searches the grid that it has for a task of
its own, 20 beta from 0.5 to 3 and 10 lambda from 0.001 to 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from methods.base import CLASSIFICATION, Count, Features, HeadMethod, NotApplicable, Paper, Support, Views

PUBLISHED = {1: (3.0, 0.05), 2: (2.6, 0.05), 4: (1.5, 0.05), 8: (1.66, 0.07), 16: (1.7, 0.1)}  # shots -> beta, lambda
BETAS, LAMBDAS = torch.linspace(0.5, 3, 20), torch.linspace(0.001, 1, 10)
MOST_VIEWS = 20_000
BYTES = 4 + 8 + 8  # of each number of the kernel while it is solved: in float32, in float64, and the factors


class ProKeR(HeadMethod):
    name = "proker"
    kinds = frozenset({CLASSIFICATION})
    trains = "nothing; a kernel regression on all views"
    order_free = True
    chosen_after_training = "beta and lambda"
    counts = (Count(0, "nothing trains"),)
    paper = Paper(
        "ProKeR: A Kernel Perspective on Few-Shot Adaptation of Large Vision-Language Models", "CVPR 2025", "arXiv:2501.11175"
    )

    @dataclass(frozen=True)
    class Params:
        beta: float | None = None  # sharpness of the kernel; None: as published for so many shots
        ridge: float | None = None  # lambda: how far the regression may leave zero-shot; None: likewise

        def __post_init__(self) -> None:
            if any(value is not None and value <= 0 for value in (self.beta, self.ridge)):
                raise ValueError("beta and ridge must be above 0")

    def views(self, kind: str) -> Views:
        return Views(count=10, smallest_crop=0.5)

    def head(self, support: Support) -> nn.Module:
        views = support.each_view()
        if support.views_raw is None:  # where nothing may be cropped or flipped, all passes over the support are alike
            views = views.expand(-1, self.views(support.kind).count, -1)
        x = views.flatten(0, 1)
        if len(x) > MOST_VIEWS:
            needed = BYTES * len(x) ** 2 / 2**30
            raise NotApplicable(
                f"a kernel of {len(x):,} views needs {needed:,.0f} GiB of memory: only up to {MOST_VIEWS:,} are taken"
            )
        onehot = F.one_hot(support.labels, support.classes).repeat_interleave(views.shape[1], 0)
        regression = KernelRegression(x, onehot - x @ support.features.candidates.T, support.logit_scale)
        beta, ridge = PUBLISHED[max((shots for shots in PUBLISHED if shots <= support.shots), default=1)]
        return regression.solved(self.params.beta or beta, self.params.ridge or ridge)

    @torch.no_grad()
    def tune(self, head: Any, validation: Support) -> Mapping[str, Any]:
        best, chosen = -1.0, (head.beta, head.ridge)
        for beta in BETAS.tolist():
            for ridge in LAMBDAS.tolist():
                accuracy = validation.accuracy(head.solved(beta, ridge)(validation.features))
                if accuracy > best:
                    best, chosen = accuracy, (beta, ridge)
        head.solved(*chosen)
        return dict(zip(("beta", "ridge"), chosen, strict=True))


class KernelRegression(nn.Module):
    """The scores above."""

    x: Tensor
    a: Tensor

    def __init__(self, x: Tensor, residual: Tensor, scale: float) -> None:
        super().__init__()
        self.register_buffer("x", x)
        self.register_buffer("a", torch.zeros_like(residual))
        self.residual, self.scale = residual, scale
        self.beta = self.ridge = 1.0

    def kernel(self, features: Tensor) -> Tensor:
        return torch.exp(-self.beta * (1 - features @ self.x.T))

    def solved(self, beta: float, ridge: float) -> KernelRegression:
        """In place."""
        self.beta, self.ridge = beta, ridge
        system = self.kernel(self.x).double() / ridge
        system.diagonal().add_(1)
        self.a.copy_(torch.linalg.solve(system, self.residual.double()))
        return self

    def forward(self, features: Features) -> Tensor:
        return self.scale * (features.image @ features.candidates.T + self.kernel(features.image) @ self.a)
