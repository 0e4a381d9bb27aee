"""Cross-modal adaptation: images and class texts as examples of one linear head, against numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from bench.backbone import Backbone
from methods.base import Recipe, Views
from methods.cross_modal import CrossModal
from tests.methods.heads import SCALE, array, check_zero_shot, close, cross_entropy, random_support, slopes, unit, wide_support
from tests.methods.recipes import SHOTS
from tests.methods.stated import build, check_counts, trains


def test_scores_and_the_gradient_of_both_halves_of_the_loss() -> None:
    support, method = wide_support(), CrossModal()
    head: Any = method.head(support)
    torch.manual_seed(0)
    torch.nn.init.normal_(head.weight, std=0.3)
    f, t, labels = unit(support.features.image_raw), unit(support.features.candidates_raw), support.labels.numpy()
    close(head(support.features), SCALE * f @ array(head.weight).T)

    def whole(weights: list[np.ndarray]) -> float:
        (w,) = weights
        return (cross_entropy(SCALE * f @ w.T, labels) + cross_entropy(SCALE * t @ w.T, np.arange(len(t)))) / 2

    loss = method.loss(head(support.features), support.labels, support) + method.penalty(head, support)
    loss.backward()
    assert loss.item() == pytest.approx(whole([array(head.weight)]), rel=1e-5)
    (slope,) = slopes(whole, [array(head.weight)])
    np.testing.assert_allclose(array(head.weight.grad), slope, rtol=1e-3, atol=1e-5)


def test_it_starts_at_zero_shot_and_stores_its_weights() -> None:
    head = CrossModal().head(wide_support())
    check_zero_shot(head)
    assert CrossModal.starts_at_zero_shot and set(head.state_dict()) == {"weight"}


def test_counts(vit: Backbone) -> None:
    check_counts(vit, CrossModal, trains(5_120))


@pytest.mark.parametrize("shots", SHOTS)
def test_recipe(shots: int) -> None:
    published = {
        **{"optimiser": "adamw", "lr": 1e-3, "weight_decay": 0.01, "batch": 16, "steps": 12_800},
        **{"schedule": "cosine", "final_lr": 0.0, "warmup": 50 / 12_800, "warmup_lr": 1e-5},
    }
    assert CrossModal().recipe(random_support(shots=shots)) == Recipe(**published)  # type: ignore[arg-type]
    slower: Any = build("cross-modal[lr=1e-4,decay=0]")
    assert slower.recipe(random_support()) == Recipe(**{**published, "lr": 1e-4, "weight_decay": 0.0})  # type: ignore[arg-type]
    assert set(CrossModal.grid["lr"]) == {1e-3, 1e-4} and set(CrossModal.grid["decay"]) == {0.0, 0.01, 1e-4}


def test_it_sees_whole_images_flipped_or_not() -> None:
    assert (
        CrossModal().views("classification") == Views(count=2, smallest_crop=1.0, flip=True) and CrossModal.trains_on == "pooled"
    )
