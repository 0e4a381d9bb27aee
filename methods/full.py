"""Full fine-tuning: everything that takes part in the score trains.

    classification   logits[b, c] = tau * w[c] . f[b] / |f[b]|     w starts at the class texts t[c]
    pair             logits = W F(v, t) + b                         W, b start at the logistic regression
    retrieval        symmetric InfoNCE on both towers and the temperature

In classification the text tower only gives the head its start and is not part of the tuned model. The rate
inside the encoder is a tenth of the head's: with a text-initialised head this is the strong baseline (LP++,
Huang et al., CVPR 2024, and WiSE-FT, Wortsman et al., CVPR 2022, find it far above the weak ones of the prompt
papers). AdamW, weight decay 0.1, a tenth of the run as warm-up, cosine, gradient norm at most 1.
`rates=xtremeclip` takes that paper's rates: 5e-7 inside the encoder, 2e-3 for the head.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor, nn
from torch.nn import functional as F

from methods.base import CLASSIFICATION, RETRIEVAL, Clip, Count, Edit, EncoderMethod, Paper, Recipe, Start, Support

RATES = {"strong": (1e-5, 1e-4), "xtremeclip": (5e-7, 2e-3)}  # inside the encoder, head


class Full(EncoderMethod):
    name = "full"
    trains = "everything that takes part in the score"
    starts_at_zero_shot = True
    counts: ClassVar[tuple[Count, ...]] = (
        Count(86_197_760, "image tower 86,192,640 + C d"),
        Count(149_620_737, "all of CLIP", kind=RETRIEVAL),
        Count(195_128_577, "LilT's table", kind=RETRIEVAL, backbone="DeiT-base + BERT-base"),
    )
    family = "full"
    groups = {"lilt": ("",)}
    paper = Paper("Robust fine-tuning of zero-shot models (its fine-tuning baseline)", "CVPR 2022", "arXiv:2109.01903")
    grid = {"lr": (1e-6, 1e-5, 1e-4)}
    reads_features = frozenset({CLASSIFICATION})

    @dataclass(frozen=True)
    class Params(EncoderMethod.Params):
        rates: Literal["strong", "xtremeclip"] = "strong"
        lr: float | None = None  # inside the encoder; None: the recipe's

    def adapt(self, clip: Clip, start: Start) -> Edit:
        if start.kind == CLASSIFICATION:
            assert start.support is not None
            return Edit(clip.image.parameters(), head=self.class_head(start.support))
        if start.kind == RETRIEVAL:
            return Edit(clip.parameters())
        return Edit([*clip.image.parameters(), *clip.text.parameters()])

    def class_head(self, support: Support) -> nn.Module:
        """What scores a classification: forward(image, None) on raw features."""
        return TextInitialisedHead(support.features.candidates, support.logit_scale)

    def recipe(self, start: Start) -> Recipe:
        encoder, head = RATES[self.params.rates]
        lr, steps = self.params.lr or encoder, 300 * start.shots
        return Recipe(lr=lr, head_lr=head, weight_decay=0.1, steps=steps, warmup=0.1, clip_gradient=1.0)


class TextInitialisedHead(nn.Module):
    """tau * w[c] . f[b] / |f[b]| with w [C, d] from the class texts; takes no text."""

    def __init__(self, texts: Tensor, scale: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(texts.clone())
        self.scale = scale

    def forward(self, image: Tensor, text: Tensor | None) -> Tensor:
        return self.scale * F.normalize(image, dim=-1) @ self.weight.T
