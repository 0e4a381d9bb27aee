"""TaskRes: scores and gradients against numpy."""

from __future__ import annotations

import numpy as np
import pytest
from torch import nn

from bench.backbone import Backbone
from methods.base import Views
from methods.taskres import TaskRes
from tests.methods.heads import (
    Weights,
    array,
    check_scores_and_gradients,
    check_zero_shot,
    cosines,
    random_support,
    unit,
    wide_support,
)
from tests.methods.recipes import SHOTS, dassl
from tests.methods.stated import check_counts, trains


def by_hand(f: np.ndarray, t: np.ndarray, weights: Weights, alpha: float = 0.5) -> np.ndarray:
    return cosines(f, t + alpha * weights[0])  # t as they are, or of unit length


def test_scores_and_gradients_equal_the_formula() -> None:
    check_scores_and_gradients(TaskRes(), by_hand, array)
    check_scores_and_gradients(TaskRes(TaskRes.Params(alpha=2.0)), lambda f, t, weights: by_hand(f, t, weights, 2.0), array)
    check_scores_and_gradients(TaskRes(TaskRes.Params(base="unit")), by_hand, unit)


def test_it_starts_at_zero_shot_and_stores_its_residual() -> None:
    head = TaskRes().head(wide_support())
    assert TaskRes.starts_at_zero_shot and set(head.state_dict()) == {"residual"}
    check_zero_shot(head)


def test_without_its_weight_the_residual_changes_nothing() -> None:
    head = TaskRes(TaskRes.Params(alpha=0.0)).head(wide_support())
    for parameter in head.parameters():
        nn.init.normal_(parameter)
    check_zero_shot(head)


def test_counts(vit: Backbone) -> None:
    check_counts(vit, TaskRes, trains(5_120))


@pytest.mark.parametrize(("shots", "epochs"), [*zip(SHOTS, (100, 100, 100, 200, 200), strict=True)])
def test_recipe(shots: int, epochs: int) -> None:
    recipe = TaskRes().recipe(random_support(shots=shots))
    assert recipe == dassl(2e-3, batch=256, epochs=epochs, optimiser="adam")
    assert recipe.length(600) == 2 * epochs and recipe.length(100) == epochs


def test_each_step_sees_another_crop() -> None:
    assert TaskRes.trains_on == "fresh" and TaskRes().views("classification") == Views(count=10, smallest_crop=0.08, flip=True)
