"""Zero-shot: the backbone as it is (CLIP, Radford et al., ICML 2021).

    classification   logits[b, c] = tau * f[b] . t[c]           t: the class texts under the task's template
    pair             logits[b, c] = tau * f[b] . t[b, c]        t: "{question} {answer}"; only with closed answers
    retrieval        scores[b, j] = tau * f[b] . t[j]           t: the captions

f, t: unit length, [.., d].    tau: the backbone's logit scale. `ensemble=true` takes for t[c] the mean of the unit
features of class c under all of the task's templates, made unit length again.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from methods.base import CLASSIFICATION, PAIR, RETRIEVAL, Count, Features, HeadMethod, NotApplicable, Paper, Support


class ZeroShot(HeadMethod):
    name = "zero-shot"
    family = "zero-shot"
    trains = "nothing"
    order_free = True
    counts = (Count(0, "nothing trains"),)
    kinds = frozenset({CLASSIFICATION, PAIR, RETRIEVAL})
    uses_support = False
    paper = Paper("Learning Transferable Visual Models From Natural Language Supervision", "ICML 2021", "arXiv:2103.00020")

    @dataclass(frozen=True)
    class Params:
        ensemble: bool = False  # average the unit features of all of the task's templates instead of taking the first

    @property
    def bound_to_classes(self) -> bool:
        return False

    def templates(self, own: tuple[str, ...]) -> tuple[str, ...]:
        if self.params.ensemble and len(own) == 1:
            raise NotApplicable("the task has a single template, there is nothing to average")
        return own if self.params.ensemble else own[:1]

    def head(self, support: Support) -> nn.Module:
        if self.params.ensemble and support.kind != CLASSIFICATION:
            raise NotApplicable("only class texts have templates to average")
        return CosineToTexts(support.logit_scale)


class CosineToTexts(nn.Module):
    """tau times the cosine between each image and its candidate texts."""

    def __init__(self, scale: float) -> None:
        super().__init__()
        self.scale = scale

    def forward(self, features: Features) -> Tensor:
        texts = features.candidates
        if texts.ndim == 2:
            return self.scale * features.image @ texts.T
        return self.scale * (features.image[:, None] * texts).sum(-1)
