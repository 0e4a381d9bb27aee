"""Multi-head attention with separate q, k, v and out linears.

open_clip's native towers keep q, k and v in one fused matrix that no method can address by name.
The rewrite computes the same function (to float precision) with four plain `nn.Linear`s, so that a
method which wraps or freezes linears works on every tower.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

# The fused kernel's backward pass on CPUs is several times slower than plain matrix products
# for sequences this short (measured in tests/perf); on other devices the fused kernel always wins.
PLAIN_ATTENTION_UP_TO = 128


class SplitAttention(nn.Module):
    """Self-attention; stands in for a `torch.nn.MultiheadAttention` with `batch_first=True`."""

    def __init__(self, width: int, heads: int, causal: bool = False) -> None:
        super().__init__()
        self.heads = heads
        self.causal = causal  # each position sees itself and what stands before it
        self.q = nn.Linear(width, width)
        self.k = nn.Linear(width, width)
        self.v = nn.Linear(width, width)
        self.out = nn.Linear(width, width)

    @classmethod
    def from_fused(cls, fused: nn.MultiheadAttention, causal: bool = False) -> SplitAttention:
        """The same function as `fused`, which must be self-attention with equal widths and biases."""
        if fused.in_proj_weight is None or fused.in_proj_bias is None or fused.bias_k is not None:
            raise ValueError("only fused self-attention with biases can be split into q, k, v")
        split = cls(fused.embed_dim, fused.num_heads, causal).to(fused.in_proj_weight)
        with torch.no_grad():
            weights, biases = fused.in_proj_weight.chunk(3), fused.in_proj_bias.chunk(3)
            for linear, weight, bias in zip((split.q, split.k, split.v), weights, biases, strict=True):
                linear.weight.copy_(weight)
                linear.bias.copy_(bias)
            split.out.weight.copy_(fused.out_proj.weight)
            split.out.bias.copy_(fused.out_proj.bias)
        return split

    def forward(
        self, query: Tensor, key: Tensor, value: Tensor, need_weights: bool = False, attn_mask: Tensor | None = None
    ) -> tuple[Tensor, None]:
        """query [B, L, W] -> [B, L, W]; key and value are the same tensor, the mask follows from `causal`."""
        assert attn_mask is None, "the mask is part of the module"
        batch, length, width = query.shape

        def heads(x: Tensor) -> Tensor:
            return x.view(batch, length, self.heads, width // self.heads).transpose(1, 2)

        q, k, v = heads(self.q(query)), heads(self.k(key)), heads(self.v(value))
        if q.device.type == "cpu" and length <= PLAIN_ATTENTION_UP_TO:
            scores = (q * (1 / math.sqrt(q.shape[-1]))) @ k.transpose(-2, -1)
            if self.causal:
                future = torch.ones(length, length, dtype=torch.bool, device=q.device).triu(1)
                scores = scores.masked_fill(future, float("-inf"))
            mixed = scores.softmax(-1).to(v.dtype) @ v
        else:
            mixed = F.scaled_dot_product_attention(q, k, v, is_causal=self.causal)
        return self.out(mixed.transpose(1, 2).reshape(batch, length, width)), None
