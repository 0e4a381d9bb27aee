"""TCP: class-aware prompts inside the text tower, made from the frozen class texts (Yao et al., CVPR 2024).

    input of block 1 = [start] v[1] ... v[n_ctx] [rest of the class's text] [end]
    input of block 9 = the same with its positions 1 .. n_ctx replaced by m(t0[c])
    m(t) = W2 q(W1 t + b1) + b2             W1 [d / 4, d], W2 [n_ctx W, d / 4], q(z) = z sigmoid(1.702 z)
    logits[b, c] = tau * f[b] . t[c]        t[c]: what the text tower makes of class c, of unit length
    loss = cross-entropy + weight * mean over c of (1 - t[c] . t0[c])     weight 8

v [n_ctx, W], N(0, 0.02^2) at the start, and the net m are all that trains; f: unit image features [B, d] of the frozen image
tower; t0 [C, d]: class texts of the frozen text tower under the task's own template. A text tower of fewer blocks than nine
takes the class's prompts before its last. Adam, learning rate 2e-3, eps 1e-3, weight decay 5e-4 (as L2), batch 32, 50 epochs,
cosine per epoch, first epoch at 1e-5: the authors' configuration, whose eps keeps their half precision from dividing by
nothing; they take 25 epochs on ImageNet and SUN397.

The class's text is the task's own template from the class name on, "cat, a type of pet.", as most of the authors' templates are;
they keep a few words more on UCF101, and have other endings on StanfordCars.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from methods.base import CLASSIFICATION, Clip, Count, Edit, EncoderMethod, Forward, Paper, Recipe, Start, TokenLayout
from methods.parts.blocks import transformer_blocks
from methods.parts.dassl import dassl_recipe
from methods.parts.distance import cosine_distance
from methods.parts.prompting import PromptedEmbedding, Prompts, make_room, put_after_start


class TCP(EncoderMethod):
    name = "tcp"
    family = "prompt"
    kinds = frozenset({CLASSIFICATION})
    trains = "context vectors, and a net that makes prompts inside the text tower from the frozen class texts"
    paper = Paper("TCP: Textual-based Class-aware Prompt tuning for Visual-Language Model", "CVPR 2024", "arXiv:2311.18231")
    counts = (Count(331_904, "4 contexts x 512, net 512-128-2048"),)
    grid = {"lr": (2e-4, 2e-3, 2e-2)}

    @dataclass(frozen=True)
    class Params:
        n_ctx: int = 4  # context vectors, and prompts of each class
        block: int = 9  # whose input carries the class's prompts, counted from 1
        weight: float = 8.0  # of the distance to the frozen class texts
        lr: float = 2e-3  # Adam

        def __post_init__(self) -> None:
            if self.n_ctx < 1 or self.block < 1:
                raise ValueError("n_ctx and block must be at least 1")

    def adapt(self, clip: Clip, start: Start) -> Edit:
        transformer_blocks(clip.text)
        n, width, limit = self.params.n_ctx, clip.text.width, clip.text.context_length
        block = min(self.params.block, len(clip.text.blocks))
        embed = ClassAwareEmbedding(clip.text.stages[0], n, clip.features, width, start.layout)
        clip.text.stages[0] = embed

        def texts_given_frozen(tokens: Tensor, frozen: Tensor) -> Tensor:
            x = tokens
            for number, stage in enumerate(clip.text.stages):
                if number == block:
                    x = put_after_start(x, embed.net(frozen).view(-1, n, width), start.layout)
                x = stage(x, tokens)
            return x

        return Edit(
            list(embed.prompts.parameters()) + list(embed.net.parameters()),
            tokens=lambda ids: make_room(ids, ids[0, :1].expand(n), limit, start.layout),
            texts_given_frozen=texts_given_frozen,
            loss=self.loss,
        )

    def loss(self, forward: Forward) -> Tensor:
        weight: float = self.params.weight
        return forward.cross_entropy + weight * cosine_distance(forward.text, forward.frozen_text)

    def templates(self, own: tuple[str, ...]) -> tuple[str, ...]:
        return (own[0][own[0].index("{}") :],)

    def frozen_templates(self, own: tuple[str, ...]) -> tuple[str, ...]:
        return own[:1]

    def recipe(self, start: Start) -> Recipe:
        return replace(dassl_recipe("adam", self.params.lr, batch=32, epochs=50), eps=1e-3)


class QuickGELU(nn.Module):
    """z sigmoid(1.702 z)"""

    def forward(self, z: Tensor) -> Tensor:
        return z * torch.sigmoid(1.702 * z)


class ClassAwareEmbedding(PromptedEmbedding):
    """The prompted first stage, with the net m [C, d] -> [C, n W] beside it."""

    def __init__(self, embed: nn.Module, n: int, features: int, width: int, layout: TokenLayout) -> None:
        super().__init__(embed, Prompts.random(n, width), layout)
        self.net = nn.Sequential(nn.Linear(features, features // 4), QuickGELU(), nn.Linear(features // 4, n * width))
