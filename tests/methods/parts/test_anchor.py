"""The distance from the start, by plain numpy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from methods.parts.anchor import distance
from tests.methods.encoders import step_of
from tests.methods.heads import array


def test_it_is_the_sum_of_squares_over_what_trains_with_its_gradient() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2))
    before = {name: torch.randn_like(value) for name, value in model.named_parameters() if name != "0.bias"}
    found = distance(step_of(model, before))
    found.backward()
    moved = {name: array(model.get_parameter(name)) - array(value) for name, value in before.items()}
    assert found.item() == pytest.approx(sum((each**2).sum() for each in moved.values()), rel=1e-5)
    for name, each in moved.items():
        np.testing.assert_allclose(array(model.get_parameter(name).grad), 2 * each, rtol=1e-4, atol=1e-6)
    assert model.get_parameter("0.bias").grad is None
