"""ProLIP: the last projection of a tower trains, held where it was (Fahes et al., 2024).

    f = P h                                               P [d, W] starts at the pretrained P0
    logits[b, c] = tau f[b] . t[c] / |f[b]|               loss = cross-entropy + lambda |P - P0|^2,  lambda 1 / shots

h: what the image tower's projection takes [B, W], frozen; t: unit class texts [C, d]; tau: the backbone's logit scale. P is
all that trains; that a projection with a bias keeps its own is an assumption. Adam, eps 1e-4, learning rate 1e-5, no decay, all
of the support at each of 300 steps, a fresh augmented view at each (there one of 300, here of ten), cosine. Published without
validation: rate and lambda are the paper's own rule for all data sets and shots; `val` searches the rates that it tries.
`tower=text` trains the text tower's projection instead, the paper's control.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from methods.base import CLASSIFICATION, Clip, Count, Edit, EncoderMethod, NotApplicable, Paper, Recipe, Start, Step, Views
from methods.parts.anchor import distance


class ProLIP(EncoderMethod):
    name = "prolip"
    family = "head"  # what it trains stands on features that are banked, so that its steps cost what a head's do
    kinds = frozenset({CLASSIFICATION})
    trains = "the image tower's projection, held at its pretrained value"
    paper = Paper("CLIP's Visual Embedding Projector is a Few-shot Cornucopia", "2024", "arXiv:2410.05270")
    counts = (Count(393_216, "768 d"), Count(262_144, "512 d", "tower=text"))
    starts_at_zero_shot = True
    grid = {"lr": (1e-5, 1e-4, 1e-3, 1e-2)}

    @dataclass(frozen=True)
    class Params(EncoderMethod.Params):
        lr: float | None = 1e-5  # Adam
        strength: float | None = None  # lambda; None: 1 / shots
        tower: Literal["image", "text"] = "image"  # whose projection trains

    def adapt(self, clip: Clip, start: Start) -> Edit:
        tower = clip.image if self.params.tower == "image" else clip.text
        matrices = [parameter for parameter in tower.head.projection if parameter.ndim > 1]
        if not matrices:
            raise NotApplicable(f"the tower {tower.name} ends without a projection")
        strength = 1 / start.shots if self.params.strength is None else self.params.strength

        def hold(step: Step) -> Tensor:
            return strength * distance(step)

        return Edit(matrices, penalty=hold)

    def recipe(self, start: Start) -> Recipe:
        return Recipe("adam", self.params.lr, batch=start.examples, steps=300, weight_decay=0.0, eps=1e-4)

    def views(self, kind: str) -> Views:
        return Views(count=10, smallest_crop=0.5)
