"""CLAP: the strength of its pull and the gradient of the whole loss against numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from bench.backbone import Backbone
from methods.clap import CLAP, strengths
from methods.zs_linear_probe import ZeroShotLinearProbe
from tests.methods.heads import (
    CLASSES,
    SCALE,
    array,
    check_zero_shot,
    cross_entropy,
    random_support,
    slopes,
    softmax,
    unit,
    wide_support,
)
from tests.methods.stated import check_counts, trains


@pytest.mark.parametrize("views", [0, 4])
def test_a_class_is_held_as_far_as_zero_shot_is_right_on_its_support(views: int) -> None:
    support = random_support(views=views)
    raw = support.features.image_raw[:, None] if support.views_raw is None else support.views_raw
    t, labels = unit(support.features.candidates_raw), support.labels.numpy()
    for c in range(CLASSES):
        probabilities = [softmax(SCALE * unit(array(raw)[i]) @ t.T)[:, c].mean() for i in range(len(labels)) if labels[i] == c]
        assert float(strengths(support)[c]) == pytest.approx(np.mean(probabilities), rel=1e-4)


def test_a_class_without_an_example_is_held_fully() -> None:
    support = random_support(labels=torch.arange(2).repeat_interleave(6))
    assert float(strengths(support)[2]) == 1.0


def test_the_gradient_of_loss_and_penalty_together() -> None:
    support, method = wide_support(), CLAP()
    head: Any = method.head(support)
    torch.manual_seed(0)
    torch.nn.init.normal_(head.weight)
    f, t, labels = unit(support.features.image_raw), array(support.features.candidates_raw), support.labels.numpy()
    strength = array(strengths(support))

    def whole(weights: list[np.ndarray]) -> float:
        (w,) = weights
        pull = np.mean([strength[c] * ((w[c] - t[c]) ** 2).sum() for c in range(CLASSES)])
        return cross_entropy(SCALE * f @ unit(w).T, labels) + float(pull)

    (method.loss(head(support.features), support.labels, support) + method.penalty(head, support)).backward()
    (slope,) = slopes(whole, [array(head.weight)])
    np.testing.assert_allclose(array(head.weight.grad), slope, rtol=1e-3, atol=1e-5)


def test_it_starts_at_zero_shot_without_a_penalty_and_trains_as_the_probe() -> None:
    head: Any = CLAP().head(wide_support())
    check_zero_shot(head)
    assert CLAP().penalty(head, wide_support()).item() == 0 and set(head.state_dict()) == {"weight"}
    assert CLAP().recipe(random_support()) == ZeroShotLinearProbe().recipe(random_support())
    assert CLAP.trains_on == "pooled" and CLAP().views("classification") == ZeroShotLinearProbe().views("classification")
    assert CLAP.grid == {} and CLAP.chosen_after_training is None


def test_counts(vit: Backbone) -> None:
    check_counts(vit, CLAP, trains(5_120))
