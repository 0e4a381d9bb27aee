"""LP-FT: a linear probe first, then full fine-tuning from it (Kumar et al., ICLR 2022).

    logits[b, c] = w[c] . f_raw[b] + b[c]        f_raw: image features before normalisation [B, d]

w [C, d] and b [C] start at the logistic regression that `linear-probe` fits on the frozen features; then everything in
the image tower and the head trains as in `full`. On pair tasks `full` already starts its head so; retrieval has none.
"""

from __future__ import annotations

from torch import Tensor, nn

from methods.base import CLASSIFICATION, Count, Paper, Support
from methods.full import Full
from methods.parts.logistic import logistic_regression


class LPFT(Full):
    name = "lp-ft"
    sees = ()
    kinds = frozenset({CLASSIFICATION})
    trains = "the image tower and a head that starts at the linear probe"
    starts_at_zero_shot = False
    paper = Paper(
        "Fine-Tuning can Distort Pretrained Features and Underperform Out-of-Distribution", "ICLR 2022", "arXiv:2202.10054"
    )
    counts = (Count(86_197_770, "image tower + C (d + 1)"),)

    def class_head(self, support: Support) -> nn.Module:
        return RawLinear(logistic_regression(support.features.image_raw, support.labels, support.classes))


class RawLinear(nn.Module):
    """A linear layer on the raw image features; takes no text."""

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.linear = linear

    def forward(self, image: Tensor, text: Tensor | None) -> Tensor:
        scores: Tensor = self.linear(image)
        return scores
