"""GDA: Gaussian discriminant analysis of frozen features, in closed form, on top of zero-shot (Wang et al., ICLR 2024).

    logits[b, c] = tau f[b] . t[c] + alpha (f[b] . w[c] + b[c])
    w[c] = S^-1 mu[c]            b[c] = log(1 / C) - mu[c] . S^-1 mu[c] / 2
    S^-1 = d ((M - 1) Sigma + tr(Sigma) I)^+            Sigma = sum over m of (x[m] - mu[y[m]]) (x[m] - mu[y[m]])' / (M - 1)

f: unit image features [B, d]; t: unit class texts [C, d]; tau: the backbone's logit scale. x [M, d]: the unit features of
all augmented views of the support, M in all; mu [C, d]: their class means. The shrunk precision is that of Kubokawa and
Srivastava (2008). Nothing trains. A class without an example keeps its zero-shot logit plus alpha log(1 / C).
Protocol `fixed`: alpha 1, an assumption of ours, as the paper chooses alpha on validation data; `val` takes the best of
1e-4 .. 1e2.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from methods.base import CLASSIFICATION, Count, Features, HeadMethod, Paper, Support, Views

ALPHAS = tuple(10.0**exponent for exponent in range(-4, 3))


class GDA(HeadMethod):
    name = "gda"
    kinds = frozenset({CLASSIFICATION})
    trains = "nothing; class means and one covariance"
    order_free = True
    chosen_after_training = "alpha"
    counts = (Count(0, "nothing trains"),)
    paper = Paper("A Hard-to-Beat Baseline for Training-free CLIP-based Adaptation", "ICLR 2024", "arXiv:2402.04087")

    @dataclass(frozen=True)
    class Params:
        alpha: float = 1.0  # weight of the Gaussian classifier

    def views(self, kind: str) -> Views:
        return Views(count=10, smallest_crop=0.5)

    def head(self, support: Support) -> nn.Module:
        views = support.each_view()
        x, labels = views.flatten(0, 1).double(), support.labels.repeat_interleave(views.shape[1])
        onehot = F.one_hot(labels, support.classes).double()
        mu = onehot.T @ x / onehot.sum(0).clamp(min=1)[:, None]
        precision = shrunk_precision(x - mu[labels])
        w = mu @ precision
        b = math.log(1 / support.classes) - (w * mu).sum(1) / 2
        return GaussianClassifier(w.float(), b.float(), support.logit_scale, self.params.alpha)

    @torch.no_grad()
    def tune(self, head: Any, validation: Support) -> Mapping[str, Any]:
        zero_shot, gaussian = head.parts(validation.features)
        head.alpha = max(ALPHAS, key=lambda alpha: validation.accuracy(zero_shot + alpha * gaussian))
        return {"alpha": head.alpha}


def shrunk_precision(centred: Tensor) -> Tensor:
    """d ((M - 1) Sigma + tr(Sigma) I)^+ of deviations from the class means [M, d]; without any deviation it is zero."""
    scatter = centred.T @ centred
    trace = scatter.trace() / max(len(centred) - 1, 1)
    inverse: Tensor = torch.linalg.pinv(scatter + trace * torch.eye(len(scatter)).to(scatter), hermitian=True)
    return len(scatter) * inverse


class GaussianClassifier(nn.Module):
    """The scores above."""

    w: Tensor
    b: Tensor

    def __init__(self, w: Tensor, b: Tensor, scale: float, alpha: float) -> None:
        super().__init__()
        self.register_buffer("w", w)
        self.register_buffer("b", b)
        self.scale, self.alpha = scale, alpha

    def parts(self, features: Features) -> tuple[Tensor, Tensor]:
        """Zero-shot logits and those of the Gaussian classifier, both [B, C]."""
        return self.scale * features.image @ features.candidates.T, features.image @ self.w.T + self.b

    def forward(self, features: Features) -> Tensor:
        zero_shot, gaussian = self.parts(features)
        return zero_shot + self.alpha * gaussian
