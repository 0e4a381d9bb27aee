"""Zero-shot: the backbone as it is (CLIP, Radford et al., ICML 2021).

    classification   logits[b, c] = tau * f[b] . t[c]           t: the class texts under the task's template
    pair             logits[b, c] = tau * f[b] . t[b, c]        t: "{question} {answer}"; only with closed answers
    retrieval        scores[b, j] = tau * f[b] . t[j]           t: the captions

f, t: unit length, [.., d].    tau: the backbone's logit scale.
"""

from __future__ import annotations

from torch import Tensor, nn

from methods.base import CLASSIFICATION, PAIR, RETRIEVAL, Features, HeadMethod, Paper, Support


class ZeroShot(HeadMethod):
    name = "zero-shot"
    family = "zero-shot"
    kinds = frozenset({CLASSIFICATION, PAIR, RETRIEVAL})
    uses_support = False
    paper = Paper("Learning Transferable Visual Models From Natural Language Supervision", "ICML 2021", "arXiv:2103.00020")

    def head(self, support: Support) -> nn.Module:
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
