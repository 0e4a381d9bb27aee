"""Linear probe: logistic regression on frozen features (CLIP, Radford et al., ICML 2021, its few-shot baseline).

    classification   logits = W f_raw + b               f_raw: image features before normalisation [B, d]
    pair             logits = W [v, t, v * t] + b       v, t: unit image and text features, so [B, 3 d]

W [C, d] and b [C] train: L2 with inverse weight C = 0.316, L-BFGS, no augmentation. On pair tasks [v, t, v * t]
spans all that a linear layer on XtremeCLIP's F(v, t) can express, which makes this its control.
Protocol `val`: C from seven decades, then eight steps of bisection in log space within a factor of ten.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from methods.base import CLASSIFICATION, PAIR, Count, Decades, Features, HeadMethod, Paper, Support
from methods.parts.logistic import logistic_regression


class LinearProbe(HeadMethod):
    name = "linear-probe"
    sees = ()
    trains = "class weights and biases"
    order_free = True
    counts = (Count(5_130, "C (d + 1)"),)
    kinds = frozenset({CLASSIFICATION, PAIR})
    paper = Paper("Learning Transferable Visual Models From Natural Language Supervision", "ICML 2021", "arXiv:2103.00020")
    grid = {"strength": Decades((1e6, 1e4, 1e2, 1.0, 1e-2, 1e-4, 1e-6))}

    @dataclass(frozen=True)
    class Params:
        strength: float = 0.316  # inverse of the L2 weight; scikit-learn's C

    def head(self, support: Support) -> nn.Module:
        inputs = probe_inputs(support.kind, support.features)
        return Probe(support.kind, logistic_regression(inputs, support.labels, support.classes, self.params.strength))


def probe_inputs(kind: str, features: Features, raw: bool = True) -> Tensor:
    """f_raw [N, d] (or f, if not `raw`); [v, t, v * t] [N, 3 d] on pair tasks."""
    if kind == PAIR:
        v, t = features.image, features.text
        return torch.cat([v, t, v * t], dim=-1)
    return features.image_raw if raw else features.image


class Probe(nn.Module):
    """A linear layer on what a probe sees of an example."""

    def __init__(self, kind: str, linear: nn.Linear, raw: bool = True) -> None:
        super().__init__()
        self.kind = kind
        self.linear = linear
        self.raw = raw

    def forward(self, features: Features) -> Tensor:
        scores: Tensor = self.linear(probe_inputs(self.kind, features, self.raw))
        return scores
