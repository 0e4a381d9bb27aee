"""Tip-Adapter: a cache of the support instead of training (Zhang et al., ECCV 2022).

    logits[b, c] = tau f[b] . t[c] + alpha * sum over k of exp(-beta (1 - f[b] . key[k])) onehot[k, c]

f: image features [B, d], unit length. t: class texts [C, d], unit length. onehot: labels [N, C]. key: support features
[N, d], averaged over 10 augmented views, then normalised. tau: the backbone's logit scale, which the published program writes
as the 100 of OpenAI's models. Protocol `fixed`: beta 1, alpha 1.17, where the published configurations begin (alpha is 1.17
to 10 there, by data set). Protocol `val`: the published search of 200 beta x 20 alpha on the validation set only, from 0.1 up
to 50, the widest of the ranges that it has for its data sets (the narrowest are 7 and 3, too narrow for other backbones).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from methods.base import CLASSIFICATION, Count, Features, HeadMethod, Paper, Support, Views

BETAS, ALPHAS = (0.1 + torch.arange(steps) * (50 - 0.1) / steps for steps in (200, 20))


class TipAdapter(HeadMethod):
    name = "tip-adapter"
    trains = "nothing; a cache of the support"
    order_free = True
    chosen_after_training = "alpha and beta"
    counts = (Count(0, "nothing trains"),)
    kinds = frozenset({CLASSIFICATION})
    paper = Paper("Tip-Adapter: Training-free Adaption of CLIP for Few-shot Classification", "ECCV 2022", "arXiv:2207.09519")

    @dataclass(frozen=True)
    class Params:
        alpha: float = 1.17  # weight of the cache
        beta: float = 1.0  # sharpness of its affinity

    def views(self, kind: str) -> Views:
        return Views(count=10, smallest_crop=0.5)

    def head(self, support: Support) -> nn.Module:
        onehot = F.one_hot(support.labels, support.classes).float()
        return Cache(support.mean_of_views(), onehot, self.params.alpha, self.params.beta, support.logit_scale)

    @torch.no_grad()
    def tune(self, head: Any, validation: Support) -> Mapping[str, Any]:
        clip_logits, affinity = head.parts(validation.features)
        best = -1.0
        for beta in BETAS.tolist():
            cache_logits = torch.exp(-beta * (1 - affinity)) @ head.onehot
            for alpha in ALPHAS.tolist():
                accuracy = validation.accuracy(clip_logits + alpha * cache_logits)
                if accuracy > best:
                    best, head.alpha, head.beta = accuracy, alpha, beta
        return {"alpha": head.alpha, "beta": head.beta}


class Cache(nn.Module):
    """Zero-shot logits plus those of the key-value cache."""

    keys: Tensor
    onehot: Tensor

    def __init__(self, keys: Tensor, onehot: Tensor, alpha: float, beta: float, scale: float, learn_keys: bool = False) -> None:
        super().__init__()
        if learn_keys:
            self.keys = nn.Parameter(keys.clone())
        else:
            self.register_buffer("keys", keys)
        self.register_buffer("onehot", onehot)
        self.alpha, self.beta, self.scale = alpha, beta, scale

    def parts(self, features: Features) -> tuple[Tensor, Tensor]:
        """Zero-shot logits [B, C] and affinities to the keys f . key [B, N]."""
        return self.scale * features.image @ features.candidates.T, features.image @ self.keys.T

    def forward(self, features: Features) -> Tensor:
        clip_logits, affinity = self.parts(features)
        return clip_logits + self.alpha * torch.exp(-self.beta * (1 - affinity)) @ self.onehot
