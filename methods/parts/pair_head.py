"""XtremeCLIP's fusion of an image and a text (Tang et al., Findings of ACL 2023), and the head on it for pair tasks."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from methods.contract.examples import Support
from methods.parts.logistic import logistic_regression


def fuse(v: Tensor, t: Tensor) -> Tensor:
    """F(v, t) = [v, t, v + t, v - t, v * t], [..., 5 d], not normalised again."""
    return torch.cat([v, t, v + t, v - t, v * t], dim=-1)


class FusedLinear(nn.Module):
    """A linear layer on F(v, t), v and t of unit length."""

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.linear = linear

    def forward(self, image: Tensor, text: Tensor) -> Tensor:
        scores: Tensor = self.linear(fuse(F.normalize(image, dim=-1), F.normalize(text, dim=-1)))
        return scores


def pair_head(support: Support) -> FusedLinear:
    """What encoder methods train along on pair tasks, started at the logistic regression on the frozen features."""
    fused = fuse(support.features.image, support.features.text)
    return FusedLinear(logistic_regression(fused, support.labels, support.classes))
