"""Class-mean probe: what is left of XtremeCLIP when its redundancy is taken out. A control, not a paper's method.

    classification   s[b, c] = u[c] . v[b] + b[c]                    u [C, d], b [C]
    pair             s[b, c] = u[c] . [v[b], t[b], v[b] * t[b]] + b[c]     u [C, 3 d], b [C]

XtremeCLIP's scores s = W F(v, t) equal these with u = w1 + w3 + w4 + w5 * t[c] and b = (w2 + w3 - w4) . t[c]
(pair: u = [w1 + w3 + w4, w2 + w3 - w4, w5], b = 0). u and b start where XtremeCLIP's prototypes, the class means
of F, put them, and train by the same loss, optimiser and schedule. If this does as well, the prototypes'
five-fold fusion adds nothing but its starting point.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from methods.base import CLASSIFICATION, PAIR, Count, HeadMethod, Paper, Recipe, Support, Views
from methods.linear_probe import Probe
from methods.parts.affinity import AffinityMatching, affinity_loss
from methods.xtremeclip import XtremeClip


class ClassMeanProbe(HeadMethod):
    name = "class-mean-probe"
    trains = "class weights and biases, from XtremeCLIP's class means"
    counts = (Count(5_130, "C (d + 1)"),)
    kinds = frozenset({CLASSIFICATION, PAIR})
    paper = Paper("Control for XtremeCLIP", "this benchmark")
    grid = {"lr": (1e-3, 2e-3, 5e-3)}
    trains_on = XtremeClip.trains_on

    @dataclass(frozen=True)
    class Params:
        lr: float = 2e-3  # AdamW, as XtremeCLIP

    def views(self, kind: str) -> Views:
        return XtremeClip().views(kind)

    def head(self, support: Support) -> nn.Module:
        return Probe(support.kind, reduced_prototypes(support), raw=False)

    def recipe(self, support: Support) -> Recipe:
        return XtremeClip(XtremeClip.Params(lr=self.params.lr)).recipe(support)

    def loss(self, scores: Tensor, labels: Tensor, support: Support) -> Tensor:
        return affinity_loss(scores, labels)


def reduced_prototypes(support: Support) -> nn.Linear:
    """The linear layer that equals XtremeCLIP's prototypes at their start (see above)."""
    prototypes = XtremeClip().head(support)
    assert isinstance(prototypes, AffinityMatching)
    w = prototypes.prototypes.detach()
    w1, w2, w3, w4, w5 = w.chunk(5, dim=1)
    if support.kind == PAIR:
        u, b = torch.cat([w1 + w3 + w4, w2 + w3 - w4, w5], 1), torch.zeros(len(w))
    else:
        t = support.features.candidates
        u, b = w1 + w3 + w4 + w5 * t, ((w2 + w3 - w4) * t).sum(1)
    linear = nn.Linear(u.shape[1], u.shape[0], device=u.device)
    with torch.no_grad():
        linear.weight.copy_(u)
        linear.bias.copy_(b)
    return linear
