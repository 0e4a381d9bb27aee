"""Multi-head attention with separate q, k, v and out linears.

Towers keep q, k and v in one fused matrix (or k and v in one), that no method can address by name. The rewrite
computes the same function (to float precision) with four plain `nn.Linear`s, so that a method which wraps or
freezes linears works on every tower.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bench.backbone.products import DEFAULT, switch

# The fused kernel's backward pass on CPUs is several times slower than plain matrix products
# for sequences this short (measured in tests/perf); on other devices the fused kernel always wins.
PLAIN_ATTENTION_UP_TO = 128
# Where float32 products go to oneDNN (`bench.plan.precision`), the fused kernel's many small ones are several times slower
# still: there plain ones win at any length that a tower has.
PLAIN_BY_ONEDNN_UP_TO = 1024


def plain_up_to() -> int:
    """Tokens of the longest sequence whose attention is plain matrix products on a CPU."""
    return PLAIN_ATTENTION_UP_TO if switch() == DEFAULT else PLAIN_BY_ONEDNN_UP_TO


class SplitAttention(nn.Module):
    """Attention of a sequence on itself, or of given queries on a sequence."""

    def __init__(self, width: int, heads: int, causal: bool = False, inner: int | None = None, dropout: float = 0.0) -> None:
        """inner: the width of all heads together; dropout: of the attention's weights, in training."""
        super().__init__()
        self.heads = heads
        self.causal = causal  # each position sees itself and what stands before it
        self.dropout = nn.Dropout(dropout)
        inner = width if inner is None else inner
        self.q = nn.Linear(width, inner)
        self.k = nn.Linear(width, inner)
        self.v = nn.Linear(width, inner)
        self.out = nn.Linear(inner, width)
        self.q_norm: nn.Module = nn.Identity()  # of each head's queries and keys
        self.k_norm: nn.Module = nn.Identity()
        self.norm: nn.Module = nn.Identity()  # of all heads' outputs together
        self.rotary: Rotary | None = None

    @classmethod
    def of(cls, linears: Sequence[Any], heads: int, causal: bool = False, dropout: float = 0.0) -> SplitAttention:
        """Around existing linears for q, k, v and out, which it takes over."""
        with torch.device("meta"):
            split = cls(linears[0].in_features, heads, causal, linears[0].out_features, dropout)
        split.train(linears[0].training)
        split.q, split.k, split.v, split.out = linears
        return split

    @classmethod
    def from_fused(cls, fused: nn.MultiheadAttention, causal: bool = False) -> SplitAttention:
        """The same function as `fused`, which must be self-attention with equal widths and biases."""
        if fused.in_proj_weight is None or fused.in_proj_bias is None or fused.bias_k is not None:
            raise ValueError("only fused self-attention with biases can be split into q, k, v")
        parts = split_linear(fused.in_proj_weight, fused.in_proj_bias, 3)
        parts[0].train(fused.training)
        return cls.of([*parts, linear_of(fused.out_proj.weight, fused.out_proj.bias)], fused.num_heads, causal)

    def forward(self, x: Tensor, mask: Tensor | None = None, queries: Tensor | None = None) -> Tensor:
        """x [B, L, W] -> [B, Q, W]

        mask: [B, L], true where a position may be seen. queries: [B, Q, W]; x itself if None.
        """

        def heads(y: Tensor) -> Tensor:
            return y.view(y.shape[0], y.shape[1], self.heads, -1).transpose(1, 2)

        q, k, v = heads(self.q(x if queries is None else queries)), heads(self.k(x)), heads(self.v(x))
        q, k = self.q_norm(q), self.k_norm(k)
        if self.rotary is not None:
            q, k = self.rotary(q).to(v.dtype), self.rotary(k).to(v.dtype)
        mask = None if mask is None else mask[:, None, None, :]
        if q.device.type == "cpu" and x.shape[1] <= plain_up_to():
            mixed = self._plain(q, k, v, mask)
        else:
            p = self.dropout.p if self.training else 0.0
            mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, dropout_p=p, is_causal=self.causal)
        return self.out(self.norm(mixed.transpose(1, 2).flatten(2)))

    def _plain(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
        scores = (q * (1 / math.sqrt(q.shape[-1]))) @ k.transpose(-2, -1)
        if self.causal:
            future = torch.ones(scores.shape[-2:], dtype=torch.bool, device=q.device).triu(1)
            scores = scores.masked_fill(future, float("-inf"))
        if mask is not None:
            scores = scores.masked_fill(~mask, float("-inf"))
        return self.dropout(scores.softmax(-1).to(v.dtype)) @ v


class Rotary(nn.Module):
    """Rotary positions of a fixed grid of patches (Su et al., 2021; RoFormer), for queries and keys [B, heads, L, w].

    Of the L tokens the first `prefix` (class token, registers) and those behind the grid (prompts) are not rotated.
    """

    sine: Tensor
    cosine: Tensor

    def __init__(self, embedding: Tensor, prefix: int, halves: bool) -> None:
        """embedding: [patches, 2 w], sines and then cosines. halves: pairs are i and i + w / 2 instead of 2 i and 2 i + 1."""
        super().__init__()
        sine, cosine = embedding.detach().chunk(2, -1)
        self.register_buffer("sine", sine, persistent=False)
        self.register_buffer("cosine", cosine, persistent=False)
        self.prefix, self.halves = prefix, halves

    def forward(self, x: Tensor) -> Tensor:
        first, grid, rest = x.split([self.prefix, len(self.sine), x.shape[2] - self.prefix - len(self.sine)], dim=2)
        if self.halves:
            low, high = grid.chunk(2, -1)
            turned = torch.cat([-high, low], -1)
        else:
            turned = torch.stack([-grid[..., 1::2], grid[..., ::2]], -1).flatten(-2)
        return torch.cat([first, (grid * self.cosine + turned * self.sine).to(x.dtype), rest], dim=2)


def linear_of(weight: Tensor, bias: Tensor | None) -> nn.Linear:
    """A linear layer with a copy of these values."""
    linear = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None, device="meta")
    linear.weight = nn.Parameter(weight.detach().clone(), weight.requires_grad)
    if bias is not None:
        linear.bias = nn.Parameter(bias.detach().clone(), weight.requires_grad)
    return linear


def split_linear(weight: Tensor, bias: Tensor | None, parts: int) -> list[nn.Linear]:
    """A fused layer [parts * W, W] as `parts` layers."""
    biases = [None] * parts if bias is None else bias.chunk(parts)
    return [linear_of(*each) for each in zip(weight.chunk(parts), biases, strict=True)]
