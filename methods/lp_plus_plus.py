"""LP++: a linear probe that blends image and text weights per class (Huang et al., CVPR 2024).

    logits[b, c] = w[c] . f[b] + b[c] + alpha[c] (f[b] . t[c])

f: unit image features [B, d]; t: unit class texts [C, d]. w [C, d], b [C] and alpha [C] train: C (d + 2) numbers. Start: w[c]
the sum of f over class c of the support F [N, d], b 0, all alpha 250 times the mean over classes of the class's mean f . t[c].
F is of one random crop and flip of each image. Full-batch SGD, momentum 0.9, 300 steps of sizes that follow from the loss's
curvature: w and b 4 N / (largest eigenvalue of F'F); alpha, at every 10th step only and without momentum, N / (4 max over c
of sum over i of (f[i] . t[c])^2) times the sum of its gradients over all steps so far, as the published program leaves them
to add up. `val` keeps its best step, of equal ones the last.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from methods.base import CLASSIFICATION, Count, Features, HeadMethod, Paper, Support, Views


class LPPlusPlus(HeadMethod):
    name = "lp++"
    kinds = frozenset({CLASSIFICATION})
    trains = "class weights, biases, and blending factors of image and text"
    paper = Paper("LP++: A Surprisingly Strong Linear Probe for Few-Shot CLIP", "CVPR 2024", "arXiv:2404.02285")
    counts = (Count(5_140, "C (d + 2)"),)
    trains_on = "mean"  # of one view
    order_free = True
    chosen_after_training = "step"

    @dataclass(frozen=True)
    class Params:
        steps: int = 300
        momentum: float = 0.9
        alpha_every: int = 10  # steps between those of alpha

    def views(self, kind: str) -> Views:
        return Views(count=1, smallest_crop=0.5)

    def head(self, support: Support) -> nn.Module:
        blend = Blend(support)
        list(self.descent(blend))
        return blend

    def tune(self, head: Any, validation: Support) -> Mapping[str, Any]:
        blend, best, chosen = Blend(head.support), -1.0, 0
        for step in self.descent(blend):
            if (accuracy := validation.accuracy(blend(validation.features))) >= best:
                best, chosen = accuracy, step
                head.load_state_dict(blend.state_dict())
        return {"step": chosen}

    def descent(self, blend: Blend) -> Iterator[int]:
        """Block gradient descent on the support, step by step."""
        features, labels = blend.support.averaged(), blend.support.labels
        f, t, n = features.image, features.candidates, len(labels)
        rate = 4 * n / float(torch.linalg.matrix_norm(f.double(), 2)) ** 2
        rate_alpha = n / (4 * float(((f @ t.T) ** 2).sum(0).max()))
        optimiser = torch.optim.SGD([blend.weight, blend.bias], lr=rate, momentum=self.params.momentum)
        for step in range(1, self.params.steps + 1):
            optimiser.zero_grad()  # not alpha's
            nn.functional.cross_entropy(blend(features), labels).backward()
            optimiser.step()
            if step % self.params.alpha_every == 0:
                assert blend.alpha.grad is not None
                with torch.no_grad():
                    blend.alpha.sub_(rate_alpha * blend.alpha.grad)
            yield step


class Blend(nn.Module):
    """The scores above; knows the support that it descends on."""

    def __init__(self, support: Support) -> None:
        super().__init__()
        self.support = support
        onehot = nn.functional.one_hot(support.labels, support.classes).float()
        f, t, count = support.averaged().image, support.features.candidates, onehot.sum(0).clamp(min=1)
        self.weight = nn.Parameter(onehot.T @ f)
        self.bias = nn.Parameter(torch.zeros_like(count))
        self.alpha = nn.Parameter(torch.full_like(count, 250 * float((((f @ t.T) * onehot).sum(0) / count).mean())))

    def forward(self, features: Features) -> Tensor:
        return features.image @ self.weight.T + self.bias + self.alpha * (features.image @ features.candidates.T)
