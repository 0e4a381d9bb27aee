"""CLIP-Adapter: scores and gradients against numpy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from torch import nn

from bench.backbone import Backbone
from methods.base import Views
from methods.clip_adapter import ClipAdapter
from tests.methods.heads import (
    Weights,
    array,
    check_scores_and_gradients,
    check_zero_shot,
    close,
    cosines,
    random_support,
    wide_support,
)
from tests.methods.recipes import SHOTS, dassl
from tests.methods.stated import check_counts, check_refused, trains


def by_hand(f: np.ndarray, t: np.ndarray, weights: Weights, r: float = 0.2) -> np.ndarray:
    down, up = weights
    adapted = np.maximum(np.maximum(f @ down.T, 0) @ up.T, 0)
    return cosines(r * adapted + (1 - r) * f, t)


def test_scores_and_gradients_equal_the_formula() -> None:
    check_scores_and_gradients(ClipAdapter(), by_hand)
    check_scores_and_gradients(ClipAdapter(ClipAdapter.Params(r=0.6)), lambda f, t, weights: by_hand(f, t, weights, 0.6))


def test_without_its_share_it_is_zero_shot() -> None:
    head = ClipAdapter(ClipAdapter.Params(r=0.0)).head(wide_support())
    for parameter in head.parameters():
        nn.init.normal_(parameter)
    check_zero_shot(head)


def test_it_has_a_quarter_of_the_width_and_no_biases() -> None:
    stored = ClipAdapter().head(wide_support()).state_dict()
    assert {name: tuple(value.shape) for name, value in stored.items()} == {"down.weight": (2, 8), "up.weight": (8, 2)}


def test_counts(vit: Backbone) -> None:
    check_counts(vit, ClipAdapter, trains(131_072))


@pytest.mark.parametrize("shots", SHOTS)
def test_recipe(shots: int) -> None:
    assert ClipAdapter().recipe(random_support(shots=shots)) == dassl(0.01, batch=32, epochs=200)


def test_each_step_sees_another_crop() -> None:
    assert ClipAdapter.trains_on == "fresh"
    assert ClipAdapter().views("classification") == Views(count=10, smallest_crop=0.08, flip=True)


def test_the_length_of_the_image_features_changes_nothing() -> None:
    """The published adapter takes them as they are: with ReLU and without biases that is the same model, step by step."""
    head = ClipAdapter().head(wide_support())
    features = wide_support().features
    close(head(replace(features, image_raw=7 * features.image_raw)), array(head(features)))


@pytest.mark.parametrize("r", ["-0.1", "1.5"])
def test_refused_values(r: str) -> None:
    check_refused(f"clip-adapter[r={r}]", "r must be between 0 and 1")
