"""How far weights have moved, for penalties that hold them where they were."""

from __future__ import annotations

import torch
from torch import Tensor

from methods.base import Step


def distance(step: Step) -> Tensor:
    """Sum of (w - w0)^2 over everything that trains; w0 is its value before the first step."""
    weights = dict(step.model.named_parameters())
    return torch.stack([(weights[name] - before).square().sum() for name, before in step.initial.items()]).sum()
