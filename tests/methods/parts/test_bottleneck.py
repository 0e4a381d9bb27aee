"""The bottleneck of adapters in numpy."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from methods.parts.bottleneck import Bottleneck
from tests.methods.heads import array, close
from tests.methods.towers import bottlenecks


def test_by_hand() -> None:
    torch.manual_seed(0)
    layer, x = Bottleneck(7, 3), torch.randn(2, 5, 7)
    for parameter in layer.parameters():
        nn.init.normal_(parameter)
    (by_hand,) = bottlenecks(dict(layer.named_parameters()))
    close(layer(x), by_hand(array(x)))


@pytest.mark.parametrize("zero", [True, False])
def test_it_starts_at_the_identity_or_near_it(zero: bool) -> None:
    torch.manual_seed(0)
    layer, x = Bottleneck(64, 32, std=0.05, zero=zero), torch.randn(9, 64)
    assert float(layer.down.weight.detach().std()) == pytest.approx(0.05, rel=0.1)
    assert float(layer.up.weight.detach().std()) == pytest.approx(0.0 if zero else 0.05, rel=0.1)
    assert not layer.down.bias.any() and not layer.up.bias.any()
    assert torch.equal(layer(x), x) == zero
    assert float((layer(x) - x).detach().abs().max()) < 0.5
