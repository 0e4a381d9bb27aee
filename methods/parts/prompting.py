"""What the prompt methods share: room for prompts in a text, and stages that put prompts into the towers.

n prompts, W the tower's hidden width, L tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, cast

import torch
from torch import Tensor, nn

from methods.base import NotApplicable, Start, TextEmbedding, TokenLayout, Tower
from methods.parts.blocks import transformer_blocks

CONTEXT = "a photo of a"  # the words that contexts of the later prompt papers start from


def make_room(tokens: Tensor, inserted: Tensor, limit: int, layout: TokenLayout) -> Tensor:
    """Insert token ids [n] behind the start token, if there is one; what is then too long loses its end, not its end token.

    tokens [N, L] -> [N, min(L + n, limit)]. Raises NotApplicable if no word would fit.
    """
    first = int(layout.start)
    if len(inserted) > limit - 3:
        raise NotApplicable(f"{len(inserted)} context tokens leave no room for a word in a text tower of {limit} tokens")
    longer = torch.cat([tokens[:, :first], inserted.to(tokens).expand(len(tokens), -1), tokens[:, first:]], dim=1)
    if longer.shape[1] > limit:
        cut = longer[:, limit - 1] != layout.pad
        longer = longer[:, :limit].clone()
        if layout.end:
            longer[cut, -1] = tokens.gather(1, _last(tokens, layout.pad)[:, None])[cut, 0]
    return longer


def context_tokens(start: Start) -> Tensor:
    """Ids [n] of "a photo of a" without start, end and padding."""
    tokens, layout = start.tokenize([CONTEXT]), start.layout
    return tokens[0, int(layout.start) : int(_last(tokens, layout.pad)) + 1 - int(layout.end)]


def _last(tokens: Tensor, pad: int) -> Tensor:
    """Position [N] of the last token that isn't padding."""
    return tokens.shape[1] - 1 - (tokens.flip(1) != pad).int().argmax(1)


def text_embedding(tower: Tower) -> TextEmbedding:
    """A text tower's first stage."""
    return cast(TextEmbedding, tower.stages[0])


def learned_context(tower: Tower, ids: Tensor) -> nn.Parameter:
    """A context [n, W] that starts at the text tower's token embeddings of these ids."""
    weight = text_embedding(tower).token_embedding.weight
    return nn.Parameter(weight[ids.to(weight.device)].detach().clone())


class Prompts(nn.Module):
    """n prompts [n, W] that train."""

    def __init__(self, prompts: nn.Parameter) -> None:
        super().__init__()
        self.prompts = prompts

    def forward(self) -> Tensor:
        return self.prompts

    @classmethod
    def random(cls, n: int, width: int) -> Prompts:
        """N(0, 0.02^2)"""
        return cls(nn.Parameter(torch.randn(n, width) * 0.02))


class Mapped(nn.Module):
    """Prompts that pass a layer before they enter a tower: a norm, or a linear one [n, W] -> [n, other W]."""

    def __init__(self, prompts: nn.Module, layer: nn.Module) -> None:
        super().__init__()
        self.prompts = prompts
        self.layer = layer

    def forward(self) -> Tensor:
        mapped: Tensor = self.layer(self.prompts())
        return mapped


class PromptedEmbedding(nn.Module):
    """The text tower's first stage with the n tokens after the start token replaced by a context.

    prompts: gives [n, W], or [C, n, W] with a context for each of C texts. Without a start token the first n are replaced.
    """

    def __init__(self, embed: nn.Module, prompts: nn.Module, layout: TokenLayout) -> None:
        super().__init__()
        self.embed = embed
        self.prompts = prompts
        self.layout = layout

    def forward(self, tokens: Tensor, inputs: Tensor | None = None) -> Tensor:
        return self.with_context(tokens, self.prompts())

    def with_context(self, tokens: Tensor, context: Tensor) -> Tensor:
        """tokens [N, L], context [n, W] or [N, n, W] -> [N, L, W]"""
        embed = cast(TextEmbedding, self.embed)
        return embed.place(put_after_start(embed.token_embedding(tokens), context, self.layout), tokens)


def put_after_start(x: Tensor, context: Tensor, layout: TokenLayout) -> Tensor:
    """x [N, L, W] with the n positions after the start token replaced by the context [n, W] or [N, n, W]."""
    first = int(layout.start)
    context = context.to(x.dtype).expand(len(x), -1, -1)
    return torch.cat([x[:, :first], context, x[:, first + context.shape[1] :]], dim=1)


def put_last(x: Tensor, prompts: Tensor, replace: bool) -> Tensor:
    """x [N, L, W] with prompts [n, W] behind its tokens, or instead of the last n of them."""
    kept = x[:, : x.shape[1] - len(prompts)] if replace else x
    return torch.cat([kept, prompts.to(x.dtype).expand(len(x), -1, -1)], dim=1)


class PromptedBlock(nn.Module):
    """A block whose input carries prompts: appended, in place of the last tokens, or after the start token of a layout."""

    def __init__(self, block: nn.Module, prompts: nn.Module, where: Literal["append", "last"] | TokenLayout) -> None:
        super().__init__()
        self.block = block
        self.prompts = prompts
        self.where = where

    def forward(self, x: Tensor, inputs: Tensor | None = None) -> Tensor:
        prompts = self.prompts()
        if isinstance(self.where, TokenLayout):
            x = put_after_start(x, prompts, self.where)
        else:
            x = put_last(x, prompts, replace=self.where == "last")
        passed: Tensor = self.block(x, inputs)
        return passed


class WithoutPrompts(nn.Module):
    """A tower's last block, behind which the last n tokens are left out."""

    def __init__(self, block: nn.Module, n: int) -> None:
        super().__init__()
        self.block = block
        self.n = n

    def forward(self, x: Tensor, inputs: Tensor | None = None) -> Tensor:
        passed: Tensor = self.block(x, inputs)
        return passed[:, : passed.shape[1] - self.n]


def prompt_text_tower(tower: Tower, prompts: Sequence[nn.Module], layout: TokenLayout) -> None:
    """Put prompts after the start token of the first len(prompts) blocks: the first are placed as tokens are, later ones
    replace what has become of those before. Raises NotApplicable for a tower without transformer blocks.
    """
    transformer_blocks(tower)
    tower.stages[0] = PromptedEmbedding(tower.stages[0], prompts[0], layout)
    for number, each in enumerate(prompts[1:], start=2):
        tower.stages[number] = PromptedBlock(tower.stages[number], each, layout)


def prompt_image_tower(tower: Tower, prompts: Sequence[nn.Module]) -> None:
    """Put prompts in front of the first len(prompts) blocks: appended to the first, replaced before each later one.

    The first ones pass the tower's norm before the blocks, as patches do. Where the feature is pooled from many tokens instead
    of read from a class token, by averaging or by attention, prompts take no part in the pooling: VPT's authors name that
    `img_pool`. Raises NotApplicable for a tower without transformer blocks.
    """
    transformer_blocks(tower)
    for number, each in enumerate([Mapped(prompts[0], cast(nn.Module, tower.stages[0].ln_pre)), *prompts[1:]]):
        tower.stages[1 + number] = PromptedBlock(tower.stages[1 + number], each, "last" if number else "append")
    if not tower.head.class_token:
        tower.stages[-2] = WithoutPrompts(tower.stages[-2], len(prompts[0]()))
