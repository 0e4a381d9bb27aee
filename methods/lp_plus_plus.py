"""LP++: a linear probe that blends image and text weights per class (Huang et al., CVPR 2024).

    logits[b, c] = w[c] . f[b] + b[c] + alpha[c] (f[b] . t[c])

f: unit image features [B, d]; t: unit class texts [C, d]. w [C, d], b [C] and alpha [C] train: C (d + 2) numbers.
Start: w[c] is the sum of f over the support of class c, b is 0, alpha is 250 times the mean over classes of the mean of
f . t[c] in that class, the same for all classes. Full-batch gradient of the mean cross-entropy, momentum 0.9 for all, 300
steps, with step sizes from the loss's curvature instead of a search:

    for w and b    4 N / largest eigenvalue of F'F                     F [N, d] the support
    for alpha      N / (4 max over c of sum over i of (f[i] . t[c])^2)     taken at every 10th step

Protocol `val` keeps the step that is best on the validation set instead of the last one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from methods.base import CLASSIFICATION, Count, Features, HeadMethod, Paper, Support


class LPPlusPlus(HeadMethod):
    name = "lp++"
    kinds = frozenset({CLASSIFICATION})
    trains = "class weights, biases, and blending factors of image and text"
    paper = Paper("LP++: A Surprisingly Strong Linear Probe for Few-Shot CLIP", "CVPR 2024", "arXiv:2404.02285")
    counts = (Count(5_140, "C (d + 2)"),)
    order_free = True
    chosen_after_training = "step"

    @dataclass(frozen=True)
    class Params:
        steps: int = 300
        momentum: float = 0.9
        alpha_every: int = 10  # steps between those of alpha

    def head(self, support: Support) -> nn.Module:
        blend = Blend(support)
        self.descend(blend)
        return blend

    def tune(self, head: nn.Module, validation: Support) -> Mapping[str, Any]:
        assert isinstance(head, Blend)
        best = {"accuracy": -1.0, "step": 0}
        kept: dict[str, Tensor] = {}

        def look(step: int) -> None:
            accuracy = float((head(validation.features).argmax(1) == validation.labels).float().mean())
            if accuracy > best["accuracy"]:
                best.update(accuracy=accuracy, step=step)
                kept.update({name: value.clone() for name, value in head.state_dict().items()})

        head.restart()
        self.descend(head, look)
        head.load_state_dict(kept)
        return {"step": best["step"]}

    @torch.no_grad()
    def descend(self, blend: Blend, look: Callable[[int], None] = lambda step: None) -> None:
        """All steps of block gradient descent with momentum; `look` is called after each."""
        f, t, onehot = blend.support.features.image, blend.support.features.candidates, blend.onehot
        n = len(f)
        rate_w = 4 * n / float(torch.linalg.matrix_norm(f.double(), 2)) ** 2
        rate_alpha = n / (4 * float(((f @ t.T) ** 2).sum(0).max()))
        moving = [torch.zeros_like(value) for value in (blend.weight, blend.bias, blend.alpha)]
        for step in range(1, self.params.steps + 1):
            error = (blend(blend.support.features).softmax(1) - onehot) / n  # gradient of the mean loss, [N, C]
            slopes = (error.T @ f, error.sum(0), (error * (f @ t.T)).sum(0))
            for value, slope, velocity, rate in zip(
                (blend.weight, blend.bias, blend.alpha), slopes, moving, (rate_w, rate_w, rate_alpha), strict=True
            ):
                if value is blend.alpha and step % self.params.alpha_every:
                    continue
                velocity.mul_(self.params.momentum).add_(slope)
                value.sub_(rate * velocity)
            look(step)


class Blend(nn.Module):
    """The scores above; knows the support that it descends on."""

    def __init__(self, support: Support) -> None:
        super().__init__()
        self.support = support
        self.onehot = F.one_hot(support.labels, support.classes).float()
        self.weight = nn.Parameter(torch.zeros(support.classes, support.features.image_raw.shape[1]).to(self.onehot))
        self.bias = nn.Parameter(torch.zeros(support.classes).to(self.onehot))
        self.alpha = nn.Parameter(torch.zeros(support.classes).to(self.onehot))
        self.restart()

    @torch.no_grad()
    def restart(self) -> None:
        f, t = self.support.features.image, self.support.features.candidates
        count = self.onehot.sum(0).clamp(min=1)
        self.weight.copy_(self.onehot.T @ f)
        self.bias.zero_()
        self.alpha.fill_(250 * float((((f @ t.T) * self.onehot).sum(0) / count).mean()))

    def forward(self, features: Features) -> Tensor:
        image = features.image
        return image @ self.weight.T + self.bias + self.alpha * (image @ features.candidates.T)
