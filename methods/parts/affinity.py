"""Open-book affinity matching and its published scripts (XtremeCLIP, Tang et al., Findings of ACL 2023)."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from methods.base import CLASSIFICATION, PAIR, Features, NotApplicable, Support
from methods.parts.pair_head import fuse


class AffinityMatching(nn.Module):
    """One prototype per class, compared with F(v, t) by a plain dot product: no bias, no temperature."""

    def __init__(self, kind: str, classes: int, width: int, full: bool = True) -> None:
        super().__init__()
        self.kind = kind
        self.full = full  # F(v, t) of five parts, or only [v, t]
        self.prototypes = nn.Parameter(torch.zeros(classes, (5 if full else 2) * width))

    @torch.no_grad()
    def start_at_class_means(self, features: Features, labels: Tensor) -> None:
        """The prototype of a class becomes the mean of F over its examples; a class without any keeps zeros."""
        fused = self.fused(features)
        for c in range(len(self.prototypes)):
            mine = labels == c
            if mine.any():
                self.prototypes[c] = (fused[mine] if fused.ndim == 2 else fused[mine, c]).mean(0)

    def fused(self, features: Features) -> Tensor:
        """[N, 5 d] on pair tasks; [N, C, 5 d] in classification, where each image meets every class text."""
        v, t = features.image, features.text if self.kind == PAIR else features.candidates
        if self.kind == CLASSIFICATION:
            v, t = torch.broadcast_tensors(v[:, None], t[None])
        return fuse(v, t) if self.full else torch.cat([v, t], dim=-1)

    def forward(self, features: Features) -> Tensor:
        fused = self.fused(features)
        return fused @ self.prototypes.T if fused.ndim == 2 else (fused * self.prototypes).sum(-1)


def affinity_loss(scores: Tensor, labels: Tensor, affinity: str | None = "softmax") -> Tensor:
    """Cross-entropy, and the true class must not score below any other (margin 0, weight 1). scores [B, C]."""
    loss = F.cross_entropy(scores, labels)
    if affinity is None:
        return loss
    q = scores.softmax(1) if affinity == "softmax" else scores
    excess = (q - q.gather(1, labels[:, None])).clamp(min=0)
    return loss + (excess.sum() if affinity == "raw-sum" else excess.mean())


class Script(NamedTuple):
    """How the prototypes are trained."""

    lr: float  # AdamW
    epochs: int
    affinity: str  # q of the contrastive term


ENTAILMENT, ANSWERING = Script(6e-3, 20, "raw"), Script(1e-3, 20, "raw-sum")
CLASSIFYING = {
    "dtd": Script(2e-3, 200, "softmax"),
    "eurosat": Script(5e-3, 200, "softmax"),
    "fgvc-aircraft": Script(4e-3, 200, "softmax"),
}


def published_script(support: Support) -> Script:
    """The one that the authors published for a classification, or for pair tasks like this one. Raises NotApplicable."""
    if support.kind == CLASSIFICATION:
        if support.task not in CLASSIFYING:
            raise NotApplicable(f"no script was published for {support.task}: paper=true is for {', '.join(CLASSIFYING)}")
        return CLASSIFYING[support.task]
    return ENTAILMENT if support.classes == 3 else ANSWERING
