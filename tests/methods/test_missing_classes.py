"""A support drawn by count may lack classes: every head still gives each of them a finite score."""

from __future__ import annotations

import pytest
import torch

from bench.cell.blank import blank_support
from bench.plan.registry import find_methods
from methods.base import HeadMethod, Kind
from methods.parts.logistic import logistic_regression

HEADS = [
    (name, kind)
    for name, each in find_methods().methods.items()
    for kind in sorted(each.kinds)
    if issubclass(each, HeadMethod) and each.uses_support and kind != "retrieval"
]


@pytest.mark.parametrize(("name", "kind"), HEADS)
def test_a_head_takes_a_support_without_some_classes(name: str, kind: Kind) -> None:
    method = find_methods().methods[name]()
    assert isinstance(method, HeadMethod)
    support = blank_support(kind, 5, 3, 16, shots=1)  # classes 0, 1 and 2 of five
    head = method.head(support)
    scores = head(support.features)
    assert scores.shape == (3, 5)
    assert bool(torch.isfinite(scores).all())
    recipe = method.recipe(support)
    if recipe is not None:
        loss = method.loss(head(method.training_features(support)), support.labels, support)
        assert bool(torch.isfinite(loss))


def test_the_start_of_encoder_methods_on_pairs_does_so_too() -> None:
    linear = logistic_regression(torch.randn(3, 16, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 1, 2]), 5)
    assert bool(torch.isfinite(linear.weight).all()) and bool(torch.isfinite(linear.bias).all())
