"""APE: a cache on the channels that tell classes apart, its examples weighed by the class texts (Zhu et al., ICCV 2023).

    logits[b, c] = tau f[b] . t[c] + alpha * sum over k of exp(-beta (1 - f'[b] . key'[k])) onehot[k, c] r[k]
    r[k] = p[k]^(-gamma / ln 2)           p[k] = softmax over c of (key'[k] . t'[c]), at the label of k
    criterion = -w mean of x_i x_j + (1 - w) variance of t, by channel          i, j: two examples of different classes

f: unit image features [B, d]; t: unit class texts [C, d]; tau: the backbone's logit scale; key: features [N, d] of the support,
averaged over ten augmented views; x: keys and class texts together. f', key' and t' have the channels with the largest
criterion, made of unit length again: 800 of 1,024, so of other widths the same share. The exponent is that of the published
program, 2^(gamma log2(1 / p)) taken as e^(gamma log2(1 / p)). Nothing trains. Protocol `fixed`: w 0.7, beta 1, alpha 1, gamma
0.1, as most of the published configurations begin; `val` searches theirs: 200 beta and 20 alpha from 0.1 to 7, 20 gamma from 0
to 1 (two data sets have wider ranges, and every data set its own w and share). The program ensembles templates with a language
model's descriptions of the classes; here the class texts are the task's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from methods.base import CLASSIFICATION, Count, Features, HeadMethod, Paper, Support, Views

BETAS, ALPHAS = (0.1 + torch.arange(steps) * (7 - 0.1) / steps for steps in (200, 20))
GAMMAS = torch.arange(20) / 20
TINY = 1e-6  # keeps logarithms finite


class APE(HeadMethod):
    name = "ape"
    kinds = frozenset({CLASSIFICATION})
    trains = "nothing; a cache on the channels that tell classes apart"
    order_free = True
    chosen_after_training = "alpha, beta and gamma"
    counts = (Count(0, "nothing trains"),)
    paper = Paper(
        "Not All Features Matter: Enhancing Few-shot CLIP with Adaptive Prior Refinement", "ICCV 2023", "arXiv:2304.01195"
    )

    @dataclass(frozen=True)
    class Params:
        alpha: float = 1.0  # weight of the cache
        beta: float = 1.0  # sharpness of its affinity
        gamma: float = 0.1  # how much more an example weighs that the class texts get wrong
        share: float = 800 / 1024  # of the channels
        w: float = 0.7  # of similarity in the criterion

        def __post_init__(self) -> None:
            if not 0 < self.share <= 1 or not 0 <= self.w <= 1:
                raise ValueError("share must be above 0 and at most 1, w at least 0 and at most 1")

    def views(self, kind: str) -> Views:
        return Views(count=10, smallest_crop=0.5)

    def head(self, support: Support) -> nn.Module:
        keys, texts, labels = support.mean_of_views(), support.features.candidates, support.labels
        x, classes = torch.cat([keys, texts]), torch.cat([labels, torch.arange(len(texts)).to(labels)])
        chosen = channels(x, classes, texts, self.params.w, self.params.share)
        return RefinedCache(keys, F.one_hot(labels, support.classes).float(), texts, chosen, support.logit_scale, self.params)

    @torch.no_grad()
    def tune(self, head: Any, validation: Support) -> Mapping[str, Any]:
        zero_shot, affinity = head.parts(validation.features)
        best = -1.0
        for beta in BETAS.tolist():
            near = torch.exp(-beta * (1 - affinity))
            for gamma in GAMMAS.tolist():
                cache = near @ head.values(gamma)
                for alpha in ALPHAS.tolist():
                    accuracy = validation.accuracy(zero_shot + alpha * cache)
                    if accuracy > best:
                        best, head.alpha, head.beta, head.gamma = accuracy, alpha, beta, gamma
        return {"alpha": head.alpha, "beta": head.beta, "gamma": head.gamma}


def channels(x: Tensor, classes: Tensor, texts: Tensor, w: float, share: float) -> Tensor:
    """The share of the channels with the largest criterion; x [M, d] of these classes [M], texts [C, d]."""
    onehot = F.one_hot(classes, len(texts)).to(x)
    sums, count = onehot.T @ x, onehot.sum(0)
    pairs = (count.sum().square() - count.square().sum()).clamp(min=1)
    similarity = (sums.sum(0).square() - sums.square().sum(0)) / pairs
    criterion = -w * similarity + (1 - w) * texts.var(0)
    return criterion.topk(max(1, round(share * x.shape[1]))).indices.sort().values


class RefinedCache(nn.Module):
    """The scores above."""

    keys: Tensor
    onehot: Tensor
    surprise: Tensor
    chosen: Tensor

    def __init__(self, keys: Tensor, onehot: Tensor, texts: Tensor, chosen: Tensor, scale: float, params: Any) -> None:
        super().__init__()
        refined, texts = (F.normalize(each[:, chosen], dim=-1) for each in (keys, texts))
        right = ((refined @ texts.T).softmax(1) * onehot).sum(1, keepdim=True)
        self.register_buffer("keys", refined)  # [N, share d]
        self.register_buffer("onehot", onehot)
        self.register_buffer(
            "surprise", torch.log2((1 + TINY) / (right + TINY))
        )  # [N, 1], how unlikely the label is by the texts
        self.register_buffer("chosen", chosen)
        self.scale, self.alpha, self.beta, self.gamma = scale, params.alpha, params.beta, params.gamma

    def values(self, gamma: float) -> Tensor:
        """onehot[k, c] r[k]"""
        return self.onehot * torch.exp(gamma * self.surprise)

    def parts(self, features: Features) -> tuple[Tensor, Tensor]:
        """Zero-shot logits [B, C] and affinities to the keys [B, N]."""
        refined = F.normalize(features.image[:, self.chosen], dim=-1)
        return self.scale * features.image @ features.candidates.T, refined @ self.keys.T

    def forward(self, features: Features) -> Tensor:
        zero_shot, affinity = self.parts(features)
        by_cache: Tensor = torch.exp(-self.beta * (1 - affinity)) @ self.values(self.gamma)
        scores: Tensor = zero_shot + self.alpha * by_cache
        return scores
