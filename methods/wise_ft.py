"""WiSE-FT: the mean of the weights before and after full fine-tuning (Wortsman et al., CVPR 2022).

    theta = (1 - alpha) theta_0 + alpha theta_1        alpha 0.5

for every weight that trains, the head included: alpha 0 is zero-shot, 1 is plain fine-tuning. Protocol `val` takes the
best of alpha 0, 0.1 .. 1 on the validation set, after a single fine-tuning.

In classification as the authors fine-tune: logits = W f / |f| + b with W [C, d] started at tau t and b at 0, one rate of
3e-5 for all, AdamW, weight decay 0.1, batch 512, 10 epochs, gradient norm at most 1, cosine after 500 steps of warm-up.
Those are a fiftieth of their run on ImageNet; here they are at most a tenth of the run, as ten epochs of a few-shot
support are ten steps or little more. On other kinds, which the paper hasn't, recipe
and head are those of `full`, and with `rates=xtremeclip` its recipe.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from torch import Tensor, nn
from torch.nn import functional as F

from methods.base import CLASSIFICATION, RETRIEVAL, Adapted, Clip, Count, Edit, Paper, Recipe, Start, Support
from methods.full import Full

ALPHAS = tuple(step / 10 for step in range(11))


class WiseFT(Full):
    name = "wise-ft"
    trains = "everything, then averaged with the weights before"
    chosen_after_training = "alpha"
    counts: ClassVar[tuple[Count, ...]] = (
        Count(86_197_770, "image tower 86,192,640 + C (d + 1)"),
        Count(149_620_737, "all of CLIP", kind=RETRIEVAL),
    )
    paper = Paper("Robust fine-tuning of zero-shot models", "CVPR 2022", "arXiv:2109.01903")

    @dataclass(frozen=True)
    class Params(Full.Params):
        alpha: float = 0.5  # share of the fine-tuned weights

        def __post_init__(self) -> None:
            if not 0 <= self.alpha <= 1:
                raise ValueError("alpha must be between 0 and 1")

    def class_head(self, support: Support) -> nn.Module:
        return ScaledHead(support.logit_scale * support.features.candidates)

    def recipe(self, start: Start) -> Recipe:
        if start.kind != CLASSIFICATION or self.params.rates != "strong":
            return super().recipe(start)
        recipe = Recipe(lr=self.params.lr or 3e-5, batch=512, epochs=10, weight_decay=0.1, clip_gradient=1.0)
        return replace(recipe, warmup=min(0.1, 500 / recipe.length(start.examples)))

    def adapt(self, clip: Clip, start: Start) -> Edit:
        return replace(super().adapt(clip, start), finish=self.average)

    def average(self, model: Adapted, initial: Mapping[str, Tensor], score: Callable[[], float] | None) -> Mapping[str, Any]:
        weights = dict(model.named_parameters())
        tuned = {name: weights[name].detach().clone() for name in initial}

        def mix(alpha: float) -> None:
            for name, before in initial.items():
                weights[name].copy_((1 - alpha) * before + alpha * tuned[name])

        def quality(alpha: float) -> float:
            assert score is not None
            mix(alpha)
            return score()

        alpha = self.params.alpha if score is None else max(ALPHAS, key=quality)
        mix(alpha)
        return {} if score is None else {"alpha": alpha}


class ScaledHead(nn.Module):
    """W f[b] / |f[b]| + b with W [C, d] as given; takes no text."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight.clone())
        self.bias = nn.Parameter(weight.new_zeros(len(weight)))

    def forward(self, image: Tensor, text: Tensor | None) -> Tensor:
        return F.linear(F.normalize(image, dim=-1), self.weight, self.bias)
