"""KgCoOp: a learned context whose class texts are held at hand-written ones (Yao et al., CVPR 2023).

    prompt of class c = [start] v[1] ... v[4] [name of c] . [end]        t[c] = g(prompt of c), of unit length
    logits[b, c] = tau * f[b] . t[c]
    loss = cross-entropy + weight * mean over c of (1 - t[c] . t0[c])     weight 8

v [4, W] starts at the embeddings of "a photo of a" and is all that trains; f: unit image features [B, d] of the frozen image
tower; g: the frozen text tower; t0 [C, d]: what it makes of the class texts under the task's own template. The paper writes
the distance as |t - t0|^2, which is twice 1 - t . t0: weight 8 is the program's, on 1 - t . t0. SGD, learning rate 2e-3, momentum
0.9, weight decay 5e-4, batch 128, 100 epochs for any number of shots, cosine per epoch, first epoch at 1e-5: the authors'
configuration for ViT-B/16.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from methods.base import CLASSIFICATION, Clip, Count, Edit, EncoderMethod, Forward, Paper, Recipe, Start
from methods.parts.dassl import dassl_recipe
from methods.parts.distance import cosine_distance
from methods.parts.prompting import PromptedEmbedding, Prompts, context_tokens, learned_context, make_room


class KgCoOp(EncoderMethod):
    name = "kgcoop"
    family = "prompt"
    kinds = frozenset({CLASSIFICATION})
    trains = "context vectors before the class name, the class texts held at hand-written ones"
    paper = Paper("Visual-Language Prompt Tuning with Knowledge-guided Context Optimization", "CVPR 2023", "arXiv:2303.13283")
    counts = (Count(2_048, "4 contexts x 512"),)
    grid = {"lr": (2e-4, 2e-3, 2e-2)}

    @dataclass(frozen=True)
    class Params:
        weight: float = 8.0  # of the distance to the hand-written class texts
        lr: float = 2e-3  # SGD

    def adapt(self, clip: Clip, start: Start) -> Edit:
        words, limit = context_tokens(start), clip.text.context_length
        context = learned_context(clip.text, words)
        clip.text.stages[0] = PromptedEmbedding(clip.text.stages[0], Prompts(context), start.layout)
        return Edit([context], tokens=lambda ids: make_room(ids, words, limit, start.layout), loss=self.loss)

    def loss(self, forward: Forward) -> Tensor:
        weight: float = self.params.weight
        return forward.cross_entropy + weight * cosine_distance(forward.text, forward.frozen_text)

    def templates(self, own: tuple[str, ...]) -> tuple[str, ...]:
        return ("{}.",)

    def frozen_templates(self, own: tuple[str, ...]) -> tuple[str, ...]:
        return own[:1]

    def recipe(self, start: Start) -> Recipe:
        return dassl_recipe("sgd", self.params.lr, batch=128, epochs=100)
