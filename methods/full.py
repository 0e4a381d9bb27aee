"""Full fine-tuning: everything that takes part in the score trains.

    classification   logits[b, c] = tau * w[c] . f[b] / |f[b]|     w starts at the class texts t[c]
    pair             logits = W F(v, t) + b                         W, b start at the logistic regression
    retrieval        symmetric InfoNCE on both towers and the temperature

In classification the text tower only gives the head its start and is not part of the tuned model. The rate
inside the encoder is a tenth of the head's: with a text-initialised head this is the strong baseline (LP++,
Huang et al., CVPR 2024, and WiSE-FT, Wortsman et al., CVPR 2022, find it far above the weak ones of the prompt
papers). AdamW, weight decay 0.1, a tenth of the run as warm-up, cosine, gradient norm at most 1.
`recipe=xtremeclip` takes that paper's rates: 5e-7 inside the encoder, 2e-3 for the head.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from torch import Tensor, nn
from torch.nn import functional as F

from methods.base import CLASSIFICATION, RETRIEVAL, Count, EncoderMethod, Kind, Paper, Recipe, Start
from methods.parts.recipe import Contrast

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

    @dataclass(frozen=True)
    class Params(Contrast):
        recipe: Literal["strong", "xtremeclip"] = "strong"
        lr: float | None = None  # inside the encoder; None: the recipe's

    def adapt(self, clip: Any, start: Start) -> Iterable[nn.Parameter]:
        if start.kind == CLASSIFICATION:
            return clip.image.parameters()
        if start.kind == RETRIEVAL:
            return clip.parameters()
        return [*clip.image.parameters(), *clip.text.parameters()]

    def needs_features(self, kind: Kind) -> bool:
        return kind != RETRIEVAL

    def head(self, start: Start) -> nn.Module | None:
        if start.kind != CLASSIFICATION:
            return super().head(start)
        assert start.support is not None
        return TextInitialisedHead(start.support.features.candidates, start.support.logit_scale)

    def recipe(self, start: Start) -> Recipe:
        encoder, head = RATES[self.params.recipe]
        lr, steps = self.params.lr or encoder, 300 * start.shots
        recipe = Recipe(lr=lr, head_lr=head, weight_decay=0.1, steps=steps, warmup=0.1, clip_gradient=1.0)
        return self.params.contrasted(recipe)


class TextInitialisedHead(nn.Module):
    """tau * w[c] . f[b] / |f[b]| with w [C, d] from the class texts; takes no text."""

    def __init__(self, texts: Tensor, scale: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(texts.clone())
        self.scale = scale

    def forward(self, image: Tensor, text: Tensor | None) -> Tensor:
        return self.scale * F.normalize(image, dim=-1) @ self.weight.T
