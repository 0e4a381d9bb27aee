"""The regularised linear adapter: scores, gradients and the penalty against numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from bench.backbone import Backbone
from methods.base import Recipe, Views
from methods.rla import RegularisedLinearAdapter as RLA
from tests.methods.heads import (
    Weights,
    array,
    check_scores_and_gradients,
    check_zero_shot,
    cosines,
    random_support,
    wide_support,
)
from tests.methods.recipes import SHOTS
from tests.methods.stated import check_counts, trains


def by_hand(f: np.ndarray, t: np.ndarray, weights: Weights) -> np.ndarray:
    return cosines(f @ weights[0].T, t)


def test_scores_and_gradients_equal_the_formula() -> None:
    check_scores_and_gradients(RLA(), by_hand)


@pytest.mark.parametrize(("params", "strength"), [(RLA.Params(), 1 / 4), (RLA.Params(strength=3.0), 3.0)])
def test_it_is_held_at_the_identity_the_less_the_more_shots(params: RLA.Params, strength: float) -> None:
    head: Any = RLA(params).head(wide_support())
    assert torch.as_tensor(RLA(params).penalty(head, wide_support())).item() == 0
    torch.manual_seed(0)
    torch.nn.init.normal_(head.map.weight)
    penalty = RLA(params).penalty(head, wide_support())
    penalty.backward()
    moved = array(head.map.weight) - np.eye(8)
    assert penalty.item() == pytest.approx(strength * (moved**2).sum(), rel=1e-5)
    np.testing.assert_allclose(array(head.map.weight.grad), 2 * strength * moved, rtol=1e-5)


def test_it_starts_at_zero_shot_and_stores_its_map() -> None:
    head = RLA().head(wide_support())
    assert RLA.starts_at_zero_shot and set(head.state_dict()) == {"map.weight"}
    check_zero_shot(head)


def test_counts(vit: Backbone) -> None:
    check_counts(vit, RLA, trains(262_144))


@pytest.mark.parametrize("shots", SHOTS)
def test_recipe(shots: int) -> None:
    support = random_support(shots=shots)
    assert RLA().recipe(support) == Recipe(
        optimiser="adam", lr=1e-5, weight_decay=0.0, eps=1e-4, batch=len(support), steps=300, schedule="cosine", final_lr=0.0
    )
    assert RLA.trains_on == "fresh" and RLA().views("classification") == Views(count=10, smallest_crop=0.5, flip=True)
