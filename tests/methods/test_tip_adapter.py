"""Tip-Adapter: its cache by plain loops, and its search."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from bench.backbone import Backbone
from methods.base import Features, Support
from methods.tip_adapter import TipAdapter
from tests.methods.heads import CLASSES, SCALE, SHOTS, WIDTH, random_features, random_support, unit
from tests.methods.stated import check_counts, trains


def by_hand(support: Support, keys: np.ndarray, f: np.ndarray, alpha: float, beta: float) -> np.ndarray:
    """Scores of unit images f [B, d]."""
    t, scores = unit(support.features.candidates_raw), np.zeros((len(f), CLASSES))
    for b in range(len(f)):
        for c in range(CLASSES):
            cache = sum(math.exp(-beta * (1 - f[b] @ keys[k])) for k in range(c * SHOTS, (c + 1) * SHOTS))
            scores[b, c] = SCALE * f[b] @ t[c] + alpha * cache
    return scores


@pytest.mark.parametrize(("alpha", "beta"), [(1.17, 1.0), (0.7, 3.0)])
def test_by_plain_loops(alpha: float, beta: float) -> None:
    support, test = random_support(views=4), random_features("classification", 5, seed=2)
    params = TipAdapter.Params() if alpha == 1.17 else TipAdapter.Params(alpha=alpha, beta=beta)
    scores = TipAdapter(params).head(support)(test).numpy()
    assert support.views_raw is not None
    keys = unit(support.views_raw.mean(1))
    np.testing.assert_allclose(scores, by_hand(support, keys, unit(test.image_raw), alpha, beta), rtol=1e-5)


def test_its_search_takes_the_first_best_of_the_whole_grid_on_validation() -> None:
    texts = 1 + 0.05 * torch.randn(CLASSES, WIDTH, generator=torch.Generator().manual_seed(1))  # alike: the cache decides
    support, validation = (
        random_support(features=Features(random_features("classification", CLASSES * SHOTS, seed).image_raw, None, texts))
        for seed in (1, 4)
    )
    cache = TipAdapter().head(support)
    keys, t, labels = unit(support.features.image_raw), unit(support.features.candidates_raw), support.labels.numpy()
    f, onehot, right = unit(validation.features.image_raw), np.eye(CLASSES)[labels], {}
    for beta in np.linspace(0.1, 50.0, 200, endpoint=False):
        for alpha in np.linspace(0.1, 50.0, 20, endpoint=False):
            scores = SCALE * f @ t.T + alpha * np.exp(-beta * (1 - f @ keys.T)) @ onehot
            right[alpha, beta] = (scores.argmax(1) == labels).sum()
    alpha, beta = max(right, key=lambda each: right[each])
    assert len(set(right.values())) > 1
    chosen = TipAdapter().tune(cache, validation)
    assert chosen == {"alpha": cache.alpha, "beta": cache.beta} == pytest.approx({"alpha": alpha, "beta": beta}, rel=1e-5)


def test_nothing_trains_and_the_cache_is_stored(vit: Backbone) -> None:
    check_counts(vit, TipAdapter, trains(0))
    assert TipAdapter().recipe(random_support()) is None
    assert set(TipAdapter().head(random_support()).state_dict()) == {"keys", "onehot"}


def test_its_keys_are_means_of_ten_crops() -> None:
    views = TipAdapter().views("classification")
    assert (views.count, views.smallest_crop, views.flip) == (10, 0.5, True)
