"""2SFS: part of the towers trains first, then class weights alone, from the new class texts (Farina et al., CVPR 2025).

    stage 1   logits[b, c] = tau f[b] . t[c]             what `first` names trains in both towers, by default every LayerNorm
    stage 2   logits[b, c] = tau f[b] . w[c] / |w[c]|    w [C, d] starts at t as stage 1 left it and trains, all else is frozen

f: unit image features [B, d]; t: unit class texts [C, d]; tau: the backbone's logit scale. Stage 1 takes the first 60 % of the
steps. Each stage has AdamW, learning rate 2e-4, weight decay 1e-2, batch 32 and a cosine to 1e-6 of its own, 300 steps per shot
in all, crops (0.08, 1) and flips, last step. As the authors' program does, `first` also takes `bitfit` and `lora`, each as the
method of that name here trains it. In stage 2 LoRA's dropout is off, as all is that is frozen; there it stays on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from methods.base import CLASSIFICATION, Clip, Count, Edit, EncoderMethod, Handover, Paper, Start
from methods.bitfit import BitFit
from methods.layernorm import LayerNormTuning
from methods.lora import LoRA

FIRST: dict[str, type[EncoderMethod]] = {"layernorm": LayerNormTuning, "bitfit": BitFit, "lora": LoRA}


class TwoStage(EncoderMethod):
    name = "two-stage"
    kinds = frozenset({CLASSIFICATION})
    trains = "every LayerNorm of both towers, then class weights from the new class texts"
    starts_at_zero_shot = True
    counts = (
        Count(70_656, "every LayerNorm 65,536 + C d"),
        Count(176_128, "every bias 171,008 + C d", "first=bitfit"),
        Count(189_440, "LoRA of rank 2 184,320 + C d", "first=lora"),
    )
    paper = Paper("Rethinking Few-Shot Adaptation of Vision-Language Models in Two Stages", "CVPR 2025", "arXiv:2503.11609")

    @dataclass(frozen=True)
    class Params(EncoderMethod.Params):
        first: Literal["layernorm", "bitfit", "lora"] = "layernorm"  # what trains in the first stage
        share: float = 0.6  # of the steps in the first stage

        def __post_init__(self) -> None:
            if not 0 <= self.share <= 1:
                raise ValueError("share must be between 0 and 1")

    def adapt(self, clip: Clip, start: Start) -> Edit:
        trains = FIRST[self.params.first]().adapt(clip, start).trains
        weights = ClassWeights(len(start.class_names), clip.features, clip.logit_scale.detach().exp())
        return Edit(trains, head=weights, handover=Handover(self.params.share, weights.begin))


class ClassWeights(nn.Module):
    """The scores of stage 2; takes no text."""

    scale: Tensor

    def __init__(self, classes: int, width: int, scale: Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(classes, width))
        self.register_buffer("scale", scale, persistent=False)

    @torch.no_grad()
    def begin(self, texts: Tensor) -> None:
        """At the class texts [C, d], made of unit length."""
        self.weight.copy_(F.normalize(texts, dim=-1))

    def forward(self, image: Tensor, text: Tensor | None) -> Tensor:
        return self.scale * F.normalize(image, dim=-1) @ F.normalize(self.weight, dim=-1).T
