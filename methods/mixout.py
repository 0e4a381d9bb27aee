"""Mixout: full fine-tuning that falls back to the pretrained weights at random (Lee et al., ICLR 2020).

    W~ = ((1 - M) * W + M * W0 - p W0) / (1 - p)         M ~ Bernoulli(p) for each input, drawn anew at each step, p = 0.7

for the weight of every linear layer in the towers; W0 is its pretrained value, so that W~ is W in expectation. As in the
published program a draw is shared by a whole column of W, the weights of one input, and the gradient of W is 1 - M times
that of W~, without the division by 1 - p. Scoring uses W. Everything else is as in `full`: one of XtremeCLIP's regularised
baselines.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from methods.base import Clip, Edit, Paper, Start
from methods.full import Full
from methods.parts.blocks import transformer_blocks


class Mixout(Full):
    name = "mixout"
    trains = "everything, each input of a linear layer held at its pretrained value with probability p"
    paper = Paper(
        "Mixout: Effective Regularization to Finetune Large-scale Pretrained Language Models", "ICLR 2020", "arXiv:1909.11299"
    )

    @dataclass(frozen=True)
    class Params(Full.Params):
        p: float = 0.7  # probability of the pretrained value

        def __post_init__(self) -> None:
            if not 0 <= self.p < 1:
                raise ValueError("p must be at least 0 and below 1")

    def adapt(self, clip: Clip, start: Start) -> Edit:
        for tower in (clip.image, clip.text):
            transformer_blocks(tower)  # a convolutional tower has next to no linear layers
            for parent in list(tower.modules()):
                for name, child in list(parent.named_children()):
                    if type(child) is nn.Linear:
                        setattr(parent, name, MixoutLinear(child, self.params.p))
        return super().adapt(clip, start)


class MixoutLinear(nn.Linear):
    """A linear layer that mixes its weight with the pretrained one while it trains."""

    pretrained: Tensor

    def __init__(self, linear: nn.Linear, p: float) -> None:
        nn.Module.__init__(self)
        self.in_features, self.out_features = linear.in_features, linear.out_features
        self.weight, self.bias, self.p = linear.weight, linear.bias, p
        self.register_buffer("pretrained", linear.weight.detach().clone(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return F.linear(x, self.weight, self.bias)
        keep = torch.rand_like(self.weight[:1]) >= self.p
        kept = self.weight * keep
        mixed = self.pretrained + (self.weight - self.pretrained) * keep / (1 - self.p)
        return F.linear(x, kept + (mixed - kept).detach(), self.bias)
