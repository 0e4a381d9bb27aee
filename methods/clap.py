"""CLAP: the zero-shot initialised probe, held at the class texts as far as these are right (Silva-Rodriguez et al., CVPR 2024).

    loss = cross-entropy + mean over c of lambda[c] |w[c] - t[c]|^2
    lambda[c] = mean over the augmented views of class c's support of softmax(tau f . t)[c]

w [C, d], t and tau as in `zs-linear-probe`, whose scores and recipe it has; lambda is fixed before the first step. A class
without an example has lambda 1. No hyper-parameter is chosen.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from methods.base import Support
from methods.zs_linear_probe import ZeroShotLinearProbe


class CLAP(ZeroShotLinearProbe):
    name = "clap"
    trains = "class weights, held at the class texts as far as these are right"
    grid = {}

    def head(self, support: Support) -> nn.Module:
        head = super().head(support)
        head.register_buffer("strength", strengths(support), persistent=False)
        return head

    def penalty(self, head: Any, support: Support) -> Tensor:
        moved = (head.weight - support.features.texts_of(self.params.base)).square().sum(1)
        return torch.mean(head.strength * moved)


def strengths(support: Support) -> Tensor:
    """lambda [C]."""
    views = support.each_view()
    logits = support.logit_scale * views @ support.features.candidates.T  # [N, V, C]
    right = logits.softmax(-1).gather(2, support.labels[:, None, None].expand(-1, views.shape[1], 1)).mean((1, 2))
    onehot = F.one_hot(support.labels, support.classes).float()
    count = onehot.sum(0)
    return torch.where(count > 0, onehot.T @ right / count.clamp(min=1), torch.ones_like(count))
