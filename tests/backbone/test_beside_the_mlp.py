"""What stands beside the MLP's branch takes what the branch takes and is added to it, wherever the norms of a block stand."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from bench.backbone.blocks import Block, BranchNormBlock, PostNormBlock, PreNormBlock


class Attention(nn.Module):
    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        return 0.5 * x.flip(1)


def built(kind: type[Block], parts: list[nn.Module]) -> Any:
    attention: Any = Attention()
    return kind(parts[0], attention, parts[1], parts[2], (parts[3], parts[4]))


@pytest.mark.parametrize("kind", [PreNormBlock, PostNormBlock, BranchNormBlock])
def test_by_hand(kind: type[Block]) -> None:
    torch.manual_seed(0)
    parts = [nn.Linear(4, 4).double() for _ in range(6)]
    ln_1, ln_2, mlp, ls_1, ls_2, beside = parts
    block, x = built(kind, [*parts[:5]]), torch.randn(2, 3, 4, dtype=torch.float64)
    assert block.beside is None
    plain = block(x)
    block.beside = beside
    if kind is PreNormBlock:
        y = x + ls_1(0.5 * ln_1(x).flip(1))
        expected, without = (y + ls_2(mlp(ln_2(y))) + added for added in (beside(y), 0.0))
    elif kind is PostNormBlock:
        y = ln_1(x + ls_1(0.5 * x.flip(1)))
        expected, without = (ln_2(y + ls_2(mlp(y)) + added) for added in (beside(y), 0.0))
    else:
        y = x + ls_1(ln_1(0.5 * x.flip(1)))
        expected, without = (y + ls_2(ln_2(mlp(y))) + added for added in (beside(y), 0.0))
    torch.testing.assert_close(block(x), expected)
    torch.testing.assert_close(plain, without)
    assert "beside.weight" in block.state_dict()
