"""What a method may ask of the model that it is given.

B examples, L tokens, W a tower's hidden width, d width of the shared space. Whatever library a tower comes from, its
attention has plain linears, and its blocks these parts.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from torch import Tensor, nn


class Part(Protocol):
    """Anything that holds weights."""

    def parameters(self, recurse: bool = True) -> Iterator[nn.Parameter]: ...
    def modules(self) -> Iterator[nn.Module]: ...


class Attention(Part, Protocol):
    """Linears that a method may wrap or replace."""

    q: nn.Module
    k: nn.Module
    v: nn.Module
    out: nn.Module


class Block(Part, Protocol):
    """A transformer block. Towers differ in where its norms stand; any part may be wrapped or replaced."""

    ln_1: nn.Module
    attn: Attention
    ls_1: nn.Module  # what the attention's branch passes last, such as a layer scale
    ln_2: nn.Module
    mlp: nn.Module
    ls_2: nn.Module
    beside: nn.Module | None  # takes what the MLP's branch takes, norm included, and is added to it; None until a method sets it


class TextEmbedding(Part, Protocol):
    """The first stage of a text tower."""

    token_embedding: nn.Embedding

    def place(self, x: Tensor, tokens: Tensor) -> Tensor:
        """x [B, L, W] with the positions of `tokens` [B, L] added."""
        ...


class Head(Part, Protocol):
    """The last stage of a tower: pools, normalises, projects."""

    projection: list[nn.Parameter]  # what maps the pooled width to the shared space
    norm: nn.Module | None  # the tower's final norm; None where the blocks end with one
    class_token: bool  # whether the feature is read from a class token; image towers


class Tower(Part, Protocol):
    """Stages in a row: the first embeds, the last is the head, those between are blocks. Each takes (x, inputs)."""

    name: str  # for messages
    width: int  # W
    context_length: int  # most tokens; 0 in image towers
    stages: nn.ModuleList

    @property
    def blocks(self) -> list[nn.Module]: ...
    @property
    def head(self) -> Head: ...

    def __call__(self, inputs: Tensor | None, start: int = 0, hidden: Tensor | None = None) -> Tensor:
        """Features [B, d] of pixels [B, 3, H, W] or tokens [B, L], or from what stage `start` takes."""
        ...


class Clip(Part, Protocol):
    """Two towers and a temperature: scores are exp(logit_scale) times the cosine."""

    logit_scale: nn.Parameter
    features: int  # d

    @property
    def image(self) -> Tower: ...
    @property
    def text(self) -> Tower: ...

    def forget(self) -> None:
        """All weights become random again, by the model's own initialiser."""
        ...
