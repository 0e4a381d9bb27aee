"""What is kept of a run where that is not the last parameters: their weighted mean over the ends of epochs."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn


class EpochMean:
    """The mean of parameters over the ends of epochs 1, 2, ..., weighted by a Gaussian over these numbers."""

    def __init__(self, parameters: Sequence[nn.Parameter], gaussian: tuple[float, float], epochs: float) -> None:
        """gaussian: mean and deviation in epochs. epochs: how many the recipe asks for, however short the run is cut."""
        self.parameters: list[Tensor] = [*parameters]
        self.epochs = epochs
        self.mean, self.deviation = gaussian
        self.means: list[Tensor] = []
        self.ended, self.total = 0, 0.0

    @torch.no_grad()
    def step(self, progress: float) -> None:
        """After each step. progress: the share of the run that is over; epochs that end within one step count there."""
        ended = math.floor(progress * self.epochs + 1e-9)
        weight = sum(math.exp(-(((e - self.mean) / self.deviation) ** 2) / 2) for e in range(self.ended + 1, ended + 1))
        self.ended = ended
        if weight == 0:
            return
        self.total += weight
        if self.means:
            torch._foreach_lerp_(self.means, self.parameters, weight / self.total)
        else:
            self.means = [parameter.detach().clone() for parameter in self.parameters]

    @torch.no_grad()
    def keep(self) -> None:
        """The mean takes the parameters' place; they stay where no epoch came to its end."""
        for parameter, mean in zip(self.parameters, self.means, strict=False):
            parameter.copy_(mean)
