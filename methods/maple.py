"""MaPLe: deep prompts in both towers, the image ones made from the text ones (Khattak et al., CVPR 2023).

    text    input of block 1 = [start] P[1] [rest of "a photo of a", name of c] . [end]
            input of block i = the same with its positions 1 .. n_ctx replaced by P[i]            i = 2 .. depth
    image   input of block 1 = [class token, patches, ln_pre(A[1] P[1])]
            input of block i = [the same without its last n_ctx tokens, A[i] P[i]]
    logits[b, c] = tau * f[b] . g(prompt of c)

P[i] [n_ctx, W text] and the coupling A[i] (linear, W text -> W image, with bias) are all that trains. P[1] starts at the
embeddings of the first n_ctx words of "a photo of a", the deeper ones at N(0, 0.02^2). depth is cut to the lower of the
two towers. On pair and retrieval tasks "a photo of a" precedes the task's text. SGD, learning rate 3.5e-3,
momentum 0.9, weight decay 5e-4, batch 4, 5 epochs, cosine per epoch, first epoch at 1e-5.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

from torch import nn

from methods.base import Clip, Count, Edit, EncoderMethod, Paper, Recipe, Start
from methods.parts.dassl import dassl_recipe
from methods.parts.prompting import (
    Mapped,
    Prompts,
    context_tokens,
    learned_context,
    make_room,
    prompt_image_tower,
    prompt_text_tower,
)


class MaPLe(EncoderMethod):
    name = "maple"
    family = "prompt"
    trains = "prompts in both towers and the layers that couple them"
    paper = Paper("MaPLe: Multi-modal Prompt Learning", "CVPR 2023", "arXiv:2210.03117")
    counts = (Count(3_555_072, "9 blocks x (2 prompts x 512, coupling 512-768)"),)
    grid = {"lr": (3.5e-4, 3.5e-3, 3.5e-2)}

    @dataclass(frozen=True)
    class Params:
        n_ctx: int = 2  # prompts per block, of "a photo of a" at the first
        depth: int = 9  # blocks with prompts, from the first one
        lr: float = 3.5e-3  # SGD

        def __post_init__(self) -> None:
            if self.depth < 1 or not 1 <= self.n_ctx <= 4:
                raise ValueError('depth must be at least 1, and n_ctx 1 to 4, as the context starts from "a photo of a"')

    def adapt(self, clip: Clip, start: Start) -> Edit:
        n, width, limit, words = self.params.n_ctx, clip.text.width, clip.text.context_length, context_tokens(start)
        depth = min(self.params.depth, len(clip.image.blocks), len(clip.text.blocks))
        first = Prompts(learned_context(clip.text, words[:n]))
        texts = [first, *(Prompts.random(n, width) for _ in range(depth - 1))]
        prompt_text_tower(clip.text, texts, start.layout)
        first_coupling, second = (nn.Linear(width, clip.image.width) for _ in range(2))
        couplings = [first_coupling, *(copy.deepcopy(second) for _ in texts[1:])]
        coupled = [Mapped(*pair) for pair in zip(texts, couplings, strict=True)]
        prompt_image_tower(clip.image, coupled)
        trained = [parameter for each in coupled for parameter in each.parameters()]
        return Edit(trained, tokens=lambda ids: make_room(ids, words, limit, start.layout))

    def templates(self, own: tuple[str, ...]) -> tuple[str, ...]:
        return ("{}.",)

    def recipe(self, start: Start) -> Recipe:
        return dassl_recipe("sgd", self.params.lr, batch=4, epochs=5)
