"""CoOp: learned context vectors in front of the class name (Zhou et al., IJCV 2022).

    prompt of class c = [start] v[1] ... v[n_ctx] [name of c] . [end]
    logits[b, c] = tau * f[b] . g(prompt of c)

v [n_ctx, W] in the text tower's embedding space, N(0, 0.02^2) at the start and all that trains; f unit image
features [B, d] of the frozen image tower; g the frozen text tower. On pair and retrieval tasks the context
precedes the task's text. SGD, learning rate 2e-3, momentum 0.9, weight decay 5e-4, batch 32, cosine per epoch,
first epoch at 1e-5; 50 epochs for one shot, 100 up to four, 200 beyond; last step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn

from methods.base import CLASSIFICATION, Clip, Count, Edit, EncoderMethod, NotApplicable, Paper, Recipe, Start
from methods.parts.dassl import dassl_recipe
from methods.parts.prompting import PromptedEmbedding, Prompts, make_room


class CoOp(EncoderMethod):
    name = "coop"
    family = "prompt"
    trains = "context vectors before the class name"
    paper = Paper("Learning to Prompt for Vision-Language Models", "IJCV 2022", "arXiv:2109.01134")
    counts: ClassVar[tuple[Count, ...]] = (
        Count(8_192, "16 contexts x 512"),
        Count(2_048, "4 contexts x 512", "n_ctx=4"),
        Count(81_920, "10 classes x 16 contexts x 512", "class_specific=true"),
    )
    grid = {"lr": (2e-4, 2e-3, 2e-2)}

    @dataclass(frozen=True)
    class Params:
        n_ctx: int = 16  # context vectors
        class_specific: bool = False  # a context of its own for each class
        lr: float = 2e-3  # SGD

        def __post_init__(self) -> None:
            if self.n_ctx < 1:
                raise ValueError("n_ctx must be at least 1")

    @property
    def bound_to_classes(self) -> bool:
        bound: bool = self.params.class_specific
        return bound

    def adapt(self, clip: Clip, start: Start) -> Edit:
        if self.params.class_specific and start.kind != CLASSIFICATION:
            raise NotApplicable("class-specific contexts need classes with names; use class_specific=false")
        contexts = len(start.class_names) if self.params.class_specific else 1
        context = nn.Parameter(torch.randn(contexts, self.params.n_ctx, clip.text.width) * 0.02)
        clip.text.stages[0] = PromptedEmbedding(clip.text.stages[0], Prompts(context), start.layout)
        limit, n_ctx = clip.text.context_length, self.params.n_ctx
        return Edit([context], tokens=lambda ids: make_room(ids, ids[0, :1].expand(n_ctx), limit, start.layout))

    def templates(self, own: tuple[str, ...]) -> tuple[str, ...]:
        return ("{}.",)

    def recipe(self, start: Start) -> Recipe:
        epochs = 50 if start.shots == 1 else 100 if start.shots <= 4 else 200
        return dassl_recipe("sgd", self.params.lr, batch=32, epochs=epochs)
