"""Scaled class texts: a head that weighs the dimensions of the shared space. Copy it, and say here what yours does.

    logits[b, c] = tau * f[b] . (s * t[c])          s [d] starts at ones and is all that trains

f: unit image features [B, d]; t: unit class texts [C, d]; tau: the backbone's logit scale. Adam, learning rate 1e-2,
batch 32, 50 epochs, cosine.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from methods.base import CLASSIFICATION, Count, Features, HeadMethod, Paper, Recipe, Support


class ScaledTexts(HeadMethod):
    name = "scaled-texts"  # as it is typed; a class without a `name` of its own is no method, so bases have none
    # `family` is "head" already: it sets the step cap and the place in tables, so change it only if that is wrong.
    kinds = frozenset({CLASSIFICATION})  # for PAIR, `forward` would need features.text as well
    trains = "a weight for each dimension of the class texts"
    paper = Paper("None: a template", "docs/extending")
    counts = (Count(512, "d"),)  # on ViT-B-16, 10 classes, 1 shot; what `python -m bench verify` compares
    starts_at_zero_shot = True  # `check` holds you to it
    grid = {"lr": (1e-3, 1e-2, 1e-1)}  # protocol `val` tries these; the names are fields of Params

    @dataclass(frozen=True)  # frozen, and every field with a type and a default: the type reads what is typed
    class Params:
        lr: float = 1e-2  # Adam

        def __post_init__(self) -> None:
            if self.lr <= 0:
                raise ValueError("lr must be above 0")  # ValueError: one line for whoever typed it

    def head(self, support: Support) -> nn.Module:
        # Shapes may depend on sizes only: the same code builds an empty head for counting and for stored weights.
        # Keep nothing on `self`: one method object fits many times. `image_raw` and the like are not of unit length.
        return ScaledCosine(support.features.candidates.shape[1], support.logit_scale)

    def recipe(self, support: Support) -> Recipe | None:
        # Leave this out for a head that `head` has already fitted in closed form.
        return Recipe("adam", self.params.lr, batch=32, epochs=50, weight_decay=0.0)


class ScaledCosine(nn.Module):
    def __init__(self, width: int, scale: float) -> None:
        super().__init__()
        # A Parameter trains and is counted. What doesn't train and comes from the support is a buffer
        # (self.register_buffer("means", ...)): a plain tensor attribute is neither stored nor moved to the device.
        self.weights = nn.Parameter(torch.ones(width))
        self.scale = scale

    def forward(self, features: Features) -> Tensor:
        """[N, C], logits and not probabilities. Draws nothing at random, and never sees a label."""
        return self.scale * features.image @ (self.weights * features.candidates).T
