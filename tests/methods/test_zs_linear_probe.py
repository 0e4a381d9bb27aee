"""The zero-shot initialised probe: scores and gradients against numpy; lengths of weights are ignored."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from bench.backbone import Backbone
from methods.base import Views
from methods.zs_linear_probe import ZeroShotLinearProbe
from tests.methods.heads import (
    Weights,
    array,
    check_scores_and_gradients,
    check_zero_shot,
    close,
    cosines,
    random_support,
    unit,
    wide_support,
)
from tests.methods.recipes import dassl
from tests.methods.stated import check_counts, trains


def by_hand(f: np.ndarray, t: np.ndarray, weights: Weights) -> np.ndarray:
    return cosines(f, weights[0])


def test_scores_and_gradients_equal_the_formula() -> None:
    check_scores_and_gradients(ZeroShotLinearProbe(), by_hand)
    assert ZeroShotLinearProbe().params.base == "raw"


@pytest.mark.parametrize(("base", "texts"), [("raw", array), ("unit", unit)])
def test_its_weights_start_at_the_class_texts(base: Any, texts: Any) -> None:
    head: Any = ZeroShotLinearProbe(ZeroShotLinearProbe.Params(base=base)).head(wide_support())
    close(head.weight, texts(wide_support().features.candidates_raw))


def test_it_starts_at_zero_shot_and_stores_its_weights() -> None:
    head = ZeroShotLinearProbe().head(wide_support())
    assert ZeroShotLinearProbe.starts_at_zero_shot and set(head.state_dict()) == {"weight"}
    check_zero_shot(head)


def test_the_lengths_of_its_weights_are_ignored() -> None:
    support = random_support()
    head: Any = ZeroShotLinearProbe().head(support)
    torch.manual_seed(0)
    torch.nn.init.normal_(head.weight)
    before = head(support.features)
    ZeroShotLinearProbe().loss(before, support.labels, support).backward()
    np.testing.assert_allclose((array(head.weight) * array(head.weight.grad)).sum(1), 0, atol=1e-5)
    with torch.no_grad():
        head.weight *= torch.tensor([[2.0], [0.3], [5.0]])
    close(head(support.features), array(before))


def test_counts(vit: Backbone) -> None:
    check_counts(vit, ZeroShotLinearProbe, trains(5_120))


def test_recipe() -> None:
    assert ZeroShotLinearProbe().recipe(random_support()) == dassl(0.1, batch=256, epochs=300, weight_decay=0.0)


def test_its_batches_are_of_twenty_augmented_passes_together() -> None:
    assert ZeroShotLinearProbe.trains_on == "pooled"
    assert ZeroShotLinearProbe().views("classification") == Views(count=20, smallest_crop=0.08, flip=True)
