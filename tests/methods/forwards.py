"""What one step of training computes, drawn at random: for losses that are a method's own."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from methods.base import Forward
from tests.methods.heads import array

SCALE = 7.0


def drawn_forward(batch: int = 5, classes: int = 3, width: int = 8, copies: int = 1) -> Forward:
    """copies: features of what trains are so many times as wide as the frozen ones."""
    generator = torch.Generator().manual_seed(3)

    def unit(rows: int, wide: int) -> Tensor:
        return F.normalize(torch.randn(rows, wide, generator=generator), dim=-1)

    image, text = unit(batch, copies * width), unit(classes, copies * width)
    scale, labels = torch.tensor(SCALE), torch.arange(batch) % classes
    return Forward(image, text, scale * image @ text.T, labels, unit(batch, width), unit(classes, width), scale)


def arrays(forward: Forward) -> Any:
    """The same in numpy, by name."""
    return {name: array(part) for name, part in vars(forward).items()} | {"labels": forward.labels.numpy()}
