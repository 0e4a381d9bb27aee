"""XtremeCLIP: few-shot understanding as open-book affinity matching (Tang et al., Findings of ACL 2023).

    F(v, t) = [v, t, v + t, v - t, v * t]          unit features v, t [d] -> [5 d], not normalised again
    classification   s[b, c] = w[c] . F(v[b], t[c])        t[c]: class texts
    pair             s[b, c] = w[c] . F(v[b], t[b])        t[b]: the example's hypothesis or question
    w[c] starts at the mean of F over the support of class c; W [C, 5 d] is all that trains
    loss = cross-entropy(s, y) + mean over (b, c) of max(0, q[b, c] - q[b, y])

q is softmax(s) in the paper's figure and in its classification scripts; the published scripts of the pair tasks
feed s itself, summed instead of averaged for VQA. In training v is the normalised mean of the augmented views.
Published figures were chosen on the test set; here the last step counts. With w = [w1 .. w5] classification
scores equal (w1 + w3 + w4 + w5 * t[c]) . v + (w2 + w3 - w4) . t[c]: a linear probe with a bias.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from methods.base import CLASSIFICATION, PAIR, Count, Features, HeadMethod, Kind, Paper, Recipe, Support, Views, fuse

# The published scripts' learning rate and epochs, by kind of task and by task where a task has its own.
PUBLISHED = {
    "entailment": (6e-3, 20),
    "vqa": (1e-3, 20),
    "dtd": (2e-3, 200),
    "eurosat": (5e-3, 200),
    "fgvc-aircraft": (4e-3, 200),
}
PUBLISHED_AFFINITY = {"entailment": "raw", "vqa": "raw-sum"}


class XtremeClip(HeadMethod):
    name = "xtremeclip"
    trains = "one prototype per class"
    counts = (
        Count(25_600, "EuroSAT, 10 classes"),
        Count(120_320, "DTD, 47 classes", classes=47),
        Count(256_000, "FGVC, 100 classes", classes=100),
        Count(5_120, "VQA, yes or no", kind=PAIR, classes=2),
        Count(7_680, "entailment, 3 classes", kind=PAIR, classes=3),
    )
    kinds = frozenset({CLASSIFICATION, PAIR})
    paper = Paper(
        "XtremeCLIP: Extremely Parameter-efficient Tuning for Low-resource Vision Language Understanding",
        "Findings of ACL 2023",
        "https://aclanthology.org/2023.findings-acl.397",
    )
    grid = {"lr": (1e-3, 2e-3, 5e-3)}

    @dataclass(frozen=True)
    class Params:
        paper: bool = False  # the published scripts: learning rate, epochs, loss variant, squashed pair images
        contrast: bool = True  # the contrastive term
        init: Literal["mean", "random"] = "mean"  # of W: class means of F, or N(0, 0.02^2)
        fusion: Literal["full", "vt"] = "full"  # F(v, t), or only [v, t]
        lr: float = 2e-3  # AdamW
        affinity: Literal["softmax", "raw", "raw-sum"] = "softmax"  # q of the contrastive term

    def views(self) -> Views:
        return Views(count=10, smallest_crop=0.5)

    def head(self, support: Support) -> nn.Module:
        head = AffinityMatching(support.kind, support.classes, support.features.image_raw.shape[1], self.params.fusion == "full")
        with torch.no_grad():
            if self.params.init == "random":
                head.prototypes.normal_(std=0.02)
            else:
                fused = head.fused(self.training_features(support))
                for c in range(support.classes):
                    mine = support.labels == c
                    if mine.any():
                        head.prototypes[c] = (fused[mine] if fused.ndim == 2 else fused[mine, c]).mean(0)
        return head.to(support.labels.device)

    def training_features(self, support: Support) -> Features:
        features = support.features
        return Features(support.mean_of_views(), features.text_raw, features.candidates_raw)

    def recipe(self, support: Support) -> Recipe:
        lr, epochs = self.params.lr, 200 if support.kind == CLASSIFICATION else 20
        if self.params.paper:
            lr, epochs = PUBLISHED.get(published_task(support), (lr, epochs))
        return Recipe(lr=lr, eps=1e-4, weight_decay=0.01, batch=16, epochs=epochs)

    def loss(self, scores: Tensor, labels: Tensor, support: Support) -> Tensor:
        affinity = PUBLISHED_AFFINITY.get(published_task(support), "softmax") if self.params.paper else self.params.affinity
        return affinity_loss(scores, labels, affinity if self.params.contrast else None)

    def squashes_images(self, kind: Kind) -> bool:
        return self.params.paper and kind == PAIR


def published_task(support: Support) -> str:
    """Which of the published scripts a task is run by: its own, or its kind's."""
    if support.kind == CLASSIFICATION:
        return support.task
    return "entailment" if support.classes == 3 else "vqa"


def affinity_loss(scores: Tensor, labels: Tensor, affinity: str | None = "softmax") -> Tensor:
    """Cross-entropy, and the true class must not score below any other (margin 0, weight 1). scores [B, C]."""
    loss = F.cross_entropy(scores, labels)
    if affinity is None:
        return loss
    q = scores.softmax(1) if affinity == "softmax" else scores
    excess = (q - q.gather(1, labels[:, None])).clamp(min=0)
    return loss + (excess.sum() if affinity == "raw-sum" else excess.mean())


class AffinityMatching(nn.Module):
    """One prototype per class, compared with F(v, t) by a plain dot product: no bias, no temperature."""

    def __init__(self, kind: Kind, classes: int, width: int, full: bool = True) -> None:
        super().__init__()
        self.kind = kind
        self.full = full
        self.prototypes = nn.Parameter(torch.zeros(classes, (5 if full else 2) * width))

    def fused(self, features: Features) -> Tensor:
        """[N, 5 d] on pair tasks; [N, C, 5 d] in classification, where each image meets every class text."""
        v, t = features.image, features.text if self.kind == PAIR else features.candidates
        if self.kind == CLASSIFICATION:
            v, t = torch.broadcast_tensors(v[:, None], t[None])
        return fuse(v, t) if self.full else torch.cat([v, t], dim=-1)

    def forward(self, features: Features) -> Tensor:
        fused = self.fused(features)
        return fused @ self.prototypes.T if fused.ndim == 2 else (fused * self.prototypes).sum(-1)
