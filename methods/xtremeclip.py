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

from torch import Tensor, nn

from methods.base import CLASSIFICATION, PAIR, Count, HeadMethod, Paper, Recipe, Support, Views
from methods.parts.affinity import AffinityMatching, Script, affinity_loss, published_script


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
    trains_on = "mean"

    @dataclass(frozen=True)
    class Params:
        paper: bool = False  # the published scripts: learning rate, epochs, loss variant, squashed pair images
        contrast: bool = True  # the contrastive term
        init: Literal["mean", "random"] = "mean"  # of W: class means of F, or N(0, 0.02^2)
        fusion: Literal["full", "vt"] = "full"  # F(v, t), or only [v, t]
        lr: float = 2e-3  # AdamW
        affinity: Literal["softmax", "raw", "raw-sum"] = "softmax"  # q of the contrastive term

    def views(self, kind: str) -> Views:
        return Views(count=10, smallest_crop=0.5, squash=self.params.paper and kind == PAIR)

    def head(self, support: Support) -> nn.Module:
        head = AffinityMatching(support.kind, support.classes, support.features.image_raw.shape[1], self.params.fusion == "full")
        if self.params.init == "random":
            nn.init.normal_(head.prototypes, std=0.02)
        else:
            head.start_at_class_means(support.averaged(), support.labels)
        return head.to(support.labels.device)

    def script(self, support: Support) -> Script:
        if self.params.paper:
            return published_script(support)
        return Script(self.params.lr, 200 if support.kind == CLASSIFICATION else 20, self.params.affinity)

    def recipe(self, support: Support) -> Recipe:
        script = self.script(support)
        return Recipe(lr=script.lr, eps=1e-4, weight_decay=0.01, batch=16, epochs=script.epochs)

    def loss(self, scores: Tensor, labels: Tensor, support: Support) -> Tensor:
        return affinity_loss(scores, labels, self.script(support).affinity if self.params.contrast else None)
