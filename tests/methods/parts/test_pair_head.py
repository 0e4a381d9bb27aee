"""The fusion of an image and a text, and the head on it, in numpy."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from methods.parts.pair_head import FusedLinear, fuse, pair_head
from tests.methods.heads import WIDTH, array, check_logistic, close, fusion, random_support, unit


@given(st.integers(0, 10_000), st.sampled_from([(), (3,), (2, 4)]))
def test_fusion_by_its_parts(seed: int, shape: tuple[int, ...]) -> None:
    generator = torch.Generator().manual_seed(seed)
    v, t = (torch.randn(*shape, WIDTH, generator=generator) for _ in range(2))
    found = fuse(v, t)
    assert found.shape == (*shape, 5 * WIDTH)
    np.testing.assert_allclose(array(found), fusion(array(v), array(t)), atol=1e-6)  # of any length: nothing is normalised


def test_the_head_of_pair_tasks_starts_at_the_logistic_regression_on_the_fusion() -> None:
    support = random_support("pair")
    head = pair_head(support)
    fused = fusion(unit(support.features.image_raw), unit(support.features.text_raw))
    check_logistic(head.linear, fused, support.labels.numpy())
    assert [name for name, _ in head.named_parameters()] == ["linear.weight", "linear.bias"]


def test_it_is_linear_on_the_fusion_of_unit_features() -> None:
    torch.manual_seed(0)
    head, images, texts = FusedLinear(nn.Linear(5 * WIDTH, 4)), 3 * torch.randn(7, WIDTH), torch.randn(7, WIDTH)
    expected = fusion(unit(images), unit(texts)) @ array(head.linear.weight).T + array(head.linear.bias)
    close(head(images, texts), expected)
