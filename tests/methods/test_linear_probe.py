"""The linear probe: its scores in numpy, and the stationary point that its weights stand at."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from bench.backbone import Backbone
from methods.base import Features
from methods.contract.search import search
from methods.linear_probe import LinearProbe
from tests.methods.heads import CLASSES, WIDTH, array, check_logistic, close, random_features, random_support, unit
from tests.methods.stated import check_counts, check_refused, trains


def inputs(kind: str, features: Features) -> np.ndarray:
    """Raw images, or image, text and their product of unit length."""
    if kind == "classification":
        return array(features.image_raw)
    v, t = unit(features.image_raw), unit(features.text_raw)
    return np.concatenate([v, t, v * t], axis=1)


@pytest.mark.parametrize(("kind", "width"), [("classification", WIDTH), ("pair", 3 * WIDTH)])
@pytest.mark.parametrize("strength", [0.316, 5.0])
def test_scores_and_the_minimum_that_they_stand_at(kind: str, width: int, strength: float) -> None:
    support, test = random_support(kind), random_features(kind, 5, seed=2)
    probe: Any = LinearProbe(LinearProbe.Params(strength=strength)).head(support)
    assert probe.linear.weight.shape == (CLASSES, width)
    close(probe(test), inputs(kind, test) @ array(probe.linear.weight).T + array(probe.linear.bias))
    check_logistic(probe.linear, inputs(kind, support.features), support.labels.numpy(), strength)


@pytest.mark.parametrize("kind", ["classification", "pair"])
def test_only_raw_features_know_their_length(kind: str) -> None:
    support = random_support(kind)
    probe, single = LinearProbe().head(support), support.features
    doubled = Features(2 * single.image_raw, single.text_raw, single.candidates_raw)
    assert np.allclose(array(probe(single)), array(probe(doubled))) == (kind == "pair")


@pytest.mark.parametrize("best", [1e-5, 0.03, 0.5, 7e3])
def test_its_search_finds_the_best_strength(best: float) -> None:
    tried: list[float] = []

    def score(values: Mapping[str, Any]) -> float:
        tried.append(values["strength"])
        return -abs(math.log10(values["strength"] / best))

    found = search(LinearProbe.grid, score)["strength"]
    assert abs(math.log10(found / best)) < 0.1
    assert len(tried) < 40


def test_the_decades_searched() -> None:
    assert LinearProbe.grid["strength"] == (1e6, 1e4, 1e2, 1.0, 1e-2, 1e-4, 1e-6)


def test_counts(vit: Backbone) -> None:
    check_counts(vit, LinearProbe, trains(10 * 513))


def test_it_is_fitted_without_a_recipe_or_views_and_stores_its_layer() -> None:
    support = random_support()
    assert LinearProbe().recipe(support) is None and LinearProbe().views("classification").count == 0
    assert set(LinearProbe().head(support).state_dict()) == {"linear.weight", "linear.bias"}


def test_refused_values() -> None:
    check_refused("linear-probe[strength=strong]", "must be of type float")
    check_refused("linear-probe[C=1]", "unknown parameter")
