"""IVLP: deep prompts in both towers, independent of each other (Khattak et al., ICCV 2023: what PromptSRC holds in place).

    text    input of block 1 = [start] P[1] [rest of "a photo of a", name of c] . [end]
            input of block i = the same with its positions 1 .. n_ctx replaced by P[i]            i = 2 .. depth
    image   input of block 1 = [class token, patches, ln_pre(Q[1])]
            input of block i = [the same without its last n_ctx tokens, Q[i]]
    logits[b, c] = tau * f[b] . g(prompt of c)

P[i] [n_ctx, W text] and Q[i] [n_ctx, W image] are all that trains. P[1] starts at the embeddings of the first n_ctx words of
"a photo of a", all others at N(0, 0.02^2). depth is cut to each tower's own. On pair and retrieval tasks "a photo of a" precedes
the task's text. SGD, learning rate 2.5e-3, momentum 0.9, weight decay 5e-4, batch 4, 50 epochs, cosine per epoch, first
epoch at 1e-5: PromptSRC's few-shot recipe, so that the one is the other's plain control. The authors' own configuration of it
is for new classes, where both have 20 epochs.
"""

from __future__ import annotations

from dataclasses import dataclass

from methods.base import Clip, Count, Edit, EncoderMethod, Paper, Recipe, Start
from methods.parts.dassl import dassl_recipe
from methods.parts.prompting import (
    Prompts,
    context_tokens,
    learned_context,
    make_room,
    prompt_image_tower,
    prompt_text_tower,
)


class IVLP(EncoderMethod):
    name = "ivlp"
    family = "prompt"
    trains = "prompts in both towers"
    paper = Paper("Self-regulating Prompts: Foundational Model Adaptation without Forgetting", "ICCV 2023", "arXiv:2307.06948")
    counts = (Count(46_080, "9 blocks x 4 prompts x (512 + 768)"),)
    grid = {"lr": (2.5e-4, 2.5e-3, 2.5e-2)}

    @dataclass(frozen=True)
    class Params:
        n_ctx: int = 4  # prompts per block and tower, of "a photo of a" at the text tower's first
        depth: int = 9  # blocks with prompts, from the first one
        lr: float = 2.5e-3  # SGD

        def __post_init__(self) -> None:
            if self.depth < 1 or not 1 <= self.n_ctx <= 4:
                raise ValueError('depth must be at least 1, and n_ctx 1 to 4, as the context starts from "a photo of a"')

    def adapt(self, clip: Clip, start: Start) -> Edit:
        n, depth, words, limit = self.params.n_ctx, self.params.depth, context_tokens(start), clip.text.context_length
        deeper = (Prompts.random(n, clip.text.width) for _ in clip.text.blocks[1:depth])
        texts = [Prompts(learned_context(clip.text, words[:n])), *deeper]
        images = [Prompts.random(n, clip.image.width) for _ in clip.image.blocks[:depth]]
        prompt_text_tower(clip.text, texts, start.layout)
        prompt_image_tower(clip.image, images)
        return Edit([each.prompts for each in (*texts, *images)], tokens=lambda ids: make_room(ids, words, limit, start.layout))

    def templates(self, own: tuple[str, ...]) -> tuple[str, ...]:
        return ("{}.",)

    def recipe(self, start: Start) -> Recipe:
        return dassl_recipe("sgd", self.params.lr, batch=4, epochs=50)
