"""Zero-shot initialised linear probe: class weights that start at the class texts and whose lengths don't count.

    logits[b, c] = tau * f[b] . w[c] / |w[c]|            w [C, d] starts at t

f: unit image features [B, d]; t: class texts [C, d] as the text tower gives them, not of unit length: a step turns a long
weight less (`base=unit` shortens them first); tau: the backbone's logit scale. w is all that trains. The strong linear
baseline of CLAP (Silva-Rodriguez et al., CVPR 2024): SGD, learning rate 0.1, momentum 0.9, no weight decay, batches of 256
from 20 augmented passes over the support together, 300 epochs by Dassl's loop; last step.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import Tensor, nn
from torch.nn import functional as F

from methods.base import CLASSIFICATION, Base, Count, Features, HeadMethod, Paper, Recipe, Support, Views
from methods.parts.dassl import VIEWS, dassl_recipe


class ZeroShotLinearProbe(HeadMethod):
    name = "zs-linear-probe"
    kinds = frozenset({CLASSIFICATION})
    trains = "class weights on the unit sphere, from the class texts"
    paper = Paper("A Closer Look at the Few-Shot Adaptation of Large Vision-Language Models", "CVPR 2024", "arXiv:2312.12730")
    counts = (Count(5_120, "C d"),)
    starts_at_zero_shot = True
    trains_on = "pooled"
    grid = {"lr": (1e-3, 1e-2, 1e-1)}

    @dataclass(frozen=True)
    class Params:
        lr: float = 0.1  # SGD
        base: Base = "raw"  # the class texts that the weights start at

    def views(self, kind: str) -> Views:
        return replace(VIEWS, count=20)

    def head(self, support: Support) -> nn.Module:
        return UnitWeights(support.features.texts_of(self.params.base), support.logit_scale)

    def recipe(self, support: Support) -> Recipe:
        return dassl_recipe("sgd", self.params.lr, batch=256, epochs=300, weight_decay=0.0)


class UnitWeights(nn.Module):
    """tau times the cosine between images and class weights."""

    def __init__(self, texts: Tensor, scale: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(texts.clone())
        self.scale = scale

    def forward(self, features: Features) -> Tensor:
        return self.scale * features.image @ F.normalize(self.weight, dim=-1).T
