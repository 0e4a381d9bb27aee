"""CoCoOp: a context that depends on the image (Zhou et al., CVPR 2022).

    prompt of class c for image b = [start] v[1] + m(f[b]) ... v[n] + m(f[b]) [name of c] . [end]
    m(f) = W2 relu(W1 f + b1) + b2            W1 [d / 16, d], W2 [W, d / 16]
    logits[b, c] = tau * f[b] . g(prompt of c for image b)

v [n, W] starts at the embeddings of "a photo of a"; v and the meta-net m are all that trains. f: unit image
features [B, d] of the frozen image tower; g: the frozen text tower, run once per image and class, which is why
the batch is one image. On pair tasks the context precedes the task's text; retrieval would need one run per
image and caption and is left out. SGD, learning rate 2e-3, momentum 0.9, weight decay 5e-4, 10 epochs, cosine
per epoch, first epoch at 1e-5.

On the bundled tasks the step budget leaves it 1,000 of up to 1,600 steps of one image each.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from methods.base import CLASSIFICATION, PAIR, Clip, Count, Edit, EncoderMethod, Paper, Recipe, Start, TokenLayout
from methods.parts.dassl import dassl_recipe
from methods.parts.prompting import PromptedEmbedding, Prompts, context_tokens, learned_context, make_room


class CoCoOp(EncoderMethod):
    name = "cocoop"
    family = "prompt"
    kinds = frozenset({CLASSIFICATION, PAIR})
    trains = "context vectors, and a meta-net that shifts them by the image"
    paper = Paper("Conditional Prompt Learning for Vision-Language Models", "CVPR 2022", "arXiv:2203.05557")
    counts = (Count(35_360, "4 contexts x 512, meta-net 512-32-512"),)
    grid = {"lr": (2e-4, 2e-3, 2e-2)}

    @dataclass(frozen=True)
    class Params:
        lr: float = 2e-3  # SGD

    def adapt(self, clip: Clip, start: Start) -> Edit:
        context = learned_context(clip.text, context_tokens(start))
        embed = ConditionalEmbedding(clip.text.stages[0], Prompts(context), start.layout, clip.features, clip.text.width)
        clip.text.stages[0] = embed
        words, limit = context_tokens(start), clip.text.context_length

        def texts_given_images(tokens: Tensor, image: Tensor) -> Tensor:
            flat = tokens.flatten(0, 1)
            shift = embed.meta(image).repeat_interleave(tokens.shape[1], dim=0)
            return clip.text(flat, 1, embed.shifted(flat, shift)).view(*tokens.shape[:2], -1)

        return Edit(
            [context, *embed.meta.parameters()],
            tokens=lambda ids: make_room(ids, words, limit, start.layout),
            texts_given_images=texts_given_images,
        )

    def templates(self, own: tuple[str, ...]) -> tuple[str, ...]:
        return ("{}.",)

    def recipe(self, start: Start) -> Recipe:
        return dassl_recipe("sgd", self.params.lr, batch=1, epochs=10)


class ConditionalEmbedding(PromptedEmbedding):
    """The prompted first stage, with the meta-net m [B, d] -> [B, W] beside it."""

    def __init__(self, embed: nn.Module, prompts: nn.Module, layout: TokenLayout, features: int, width: int) -> None:
        super().__init__(embed, prompts, layout)
        self.meta = nn.Sequential(nn.Linear(features, features // 16), nn.ReLU(), nn.Linear(features // 16, width))

    def shifted(self, tokens: Tensor, shift: Tensor) -> Tensor:
        """tokens [N, L], shift [N, W] of each text's context -> [N, L, W]"""
        return self.with_context(tokens, self.prompts() + shift[:, None])
