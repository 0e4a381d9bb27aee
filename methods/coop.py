"""CoOp: learned context vectors in front of the class name (Zhou et al., IJCV 2022).

    prompt of class c = [start] v[1] ... v[n_ctx] [name of c] . [end]
    logits[b, c] = tau * f[b] . g(prompt of c)

v [n_ctx, W] in the text tower's embedding space, N(0, 0.02^2) at the start and all that trains; f unit image
features [B, d] of the frozen image tower; g the frozen text tower. On pair and retrieval tasks the context
precedes the task's text. SGD, learning rate 2e-3, momentum 0.9, weight decay 5e-4, batch 32, cosine per epoch,
first epoch at 1e-5; 50 epochs for one shot, 100 up to four, 200 beyond; last step.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from methods.base import CLASSIFICATION, EncoderMethod, NotApplicable, Paper, Recipe, Start


class CoOp(EncoderMethod):
    name = "coop"
    family = "prompt"
    template = "{}."
    paper = Paper("Learning to Prompt for Vision-Language Models", "IJCV 2022", "arXiv:2109.01134")
    grid = {"lr": (2e-4, 2e-3, 2e-2)}

    @dataclass(frozen=True)
    class Params:
        n_ctx: int = 16  # context vectors
        class_specific: bool = False  # a context of its own for each class
        lr: float = 2e-3  # SGD

        def __post_init__(self) -> None:
            if self.n_ctx < 1:
                raise ValueError("n_ctx must be at least 1")

    def adapt(self, clip: Any, start: Start) -> Iterable[nn.Parameter]:
        if self.params.class_specific and start.kind != CLASSIFICATION:
            raise NotApplicable("class-specific contexts need classes with names; use class_specific=false")
        contexts = len(start.class_names) if self.params.class_specific else 1
        embed = PromptedEmbedding(clip.text.stages[0], contexts, self.params.n_ctx, clip.text.width)
        clip.text.stages[0] = embed
        return [embed.context]

    def tokens(self, tokens: Tensor, limit: int) -> Tensor:
        return make_room(tokens, self.params.n_ctx, limit)

    def recipe(self, start: Start) -> Recipe:
        epochs = 50 if start.shots == 1 else 100 if start.shots <= 4 else 200
        return Recipe("sgd", self.params.lr, epochs=epochs, weight_decay=5e-4, stairs=True, warmup_epochs=1, warmup_lr=1e-5)


def make_room(tokens: Tensor, n_ctx: int, limit: int) -> Tensor:
    """Repeat the start token n_ctx times in front of the text; what is then too long loses its end, not its end token.

    tokens [N, L] with 0 as padding -> [N, min(L + n_ctx, limit)].
    """
    if n_ctx > limit - 3:
        raise NotApplicable(f"n_ctx={n_ctx} leaves no room for a word in a text tower of {limit} tokens")
    longer = torch.cat([tokens[:, :1].expand(-1, n_ctx), tokens], dim=1)
    if longer.shape[1] > limit:
        end = tokens.max(1).values  # open_clip's end token has the highest id
        cut = longer[:, limit - 1] != 0
        longer = longer[:, :limit].clone()
        longer[cut, -1] = end[cut]
    return longer


class PromptedEmbedding(nn.Module):
    """The text tower's first stage with the n_ctx tokens after the start token replaced by the context."""

    embed: Any

    def __init__(self, embed: nn.Module, contexts: int, n_ctx: int, width: int) -> None:
        super().__init__()
        self.embed = embed
        self.context = nn.Parameter(torch.randn(contexts, n_ctx, width) * 0.02)

    @property
    def positional_embedding(self) -> Tensor:
        return self.embed.positional_embedding

    def forward(self, tokens: Tensor, inputs: Tensor | None = None) -> Tensor:
        x = self.embed.token_embedding(tokens)
        context = self.context.expand(len(x), -1, -1)
        x = torch.cat([x[:, :1], context.to(x.dtype), x[:, 1 + context.shape[1] :]], dim=1)
        return x + self.embed.positional_embedding[: x.shape[1]]
