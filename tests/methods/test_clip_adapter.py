"""CLIP-Adapter: scores and gradients against numpy."""

from __future__ import annotations

import numpy as np
import pytest
from torch import nn

from bench.backbone import Backbone
from methods.base import Recipe
from methods.clip_adapter import ClipAdapter
from tests.methods.heads import SCALE, Weights, check_scores_and_gradients, check_zero_shot, random_support, unit, wide_support
from tests.methods.recipes import SHOTS
from tests.methods.stated import check_counts, check_refused, trains


def by_hand(f: np.ndarray, t: np.ndarray, weights: Weights, r: float = 0.2) -> np.ndarray:
    down, up = weights
    scores = np.zeros((len(f), len(t)))
    for b in range(len(f)):
        adapted = np.maximum(up @ np.maximum(down @ f[b], 0), 0)
        for c in range(len(t)):
            scores[b, c] = SCALE * unit(r * adapted + (1 - r) * f[b]) @ t[c]
    return scores


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
    assert ClipAdapter().recipe(random_support(shots=shots)) == Recipe(
        optimiser="sgd", lr=0.01, momentum=0.0, weight_decay=0.0, batch=32, epochs=200, schedule="cosine", final_lr=0.0
    )


@pytest.mark.parametrize("r", ["-0.1", "1.5"])
def test_refused_values(r: str) -> None:
    check_refused(f"clip-adapter[r={r}]", "r must be between 0 and 1")
