"""Tip-Adapter-F: the keys of the cache train; scores by plain loops, gradients by differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from bench.backbone import Backbone
from methods.base import Recipe
from methods.tip_adapter_f import TipAdapterF
from tests.methods.heads import CLASSES, SCALE, array, cross_entropy, random_features, random_support, slopes, unit
from tests.methods.recipes import SHOTS
from tests.methods.stated import check_counts, trains


def by_hand(
    f: np.ndarray, t: np.ndarray, keys: np.ndarray, labels: np.ndarray, alpha: float, beta: float, scale: float = SCALE
) -> np.ndarray:
    scores = scale * f @ t.T
    for b in range(len(f)):
        for k, label in enumerate(labels):
            scores[b, label] += alpha * np.exp(-beta * (1 - f[b] @ keys[k]))
    return scores


def test_keys_start_at_the_means_of_views_and_move_freely() -> None:
    support, test = random_support(views=4), random_features("classification", 5, seed=2)
    method = TipAdapterF(TipAdapterF.Params(alpha=0.7, beta=3.0))
    head: Any = method.head(support)
    f, t, labels = unit(test.image_raw), unit(test.candidates_raw), support.labels.numpy()
    assert support.views_raw is not None
    np.testing.assert_allclose(array(head.keys), unit(support.views_raw.mean(1)), atol=1e-6)
    for _ in range(2):
        np.testing.assert_allclose(array(head(test)), by_hand(f, t, array(head.keys), labels, 0.7, 3.0), rtol=1e-5)
        torch.manual_seed(0)
        torch.nn.init.normal_(head.keys, std=0.5)


def test_gradients_of_the_keys() -> None:
    support = random_support(logit_scale=1.0)
    head: Any = TipAdapterF(TipAdapterF.Params(alpha=2.0, beta=1.0)).head(support)
    f, t, labels = unit(support.features.image_raw), unit(support.features.candidates_raw), support.labels.numpy()
    TipAdapterF().loss(head(support.features), support.labels, support).backward()
    (slope,) = slopes(lambda moved: cross_entropy(by_hand(f, t, moved[0], labels, 2.0, 1.0, 1.0), labels), [array(head.keys)])
    np.testing.assert_allclose(array(head.keys.grad), slope, rtol=1e-3, atol=1e-5)
    assert np.abs(slope).max() > 1e-3


def test_counts(vit: Backbone) -> None:
    check_counts(vit, TipAdapterF, trains(160 * 512, shots=16))


def test_recipe() -> None:
    for shots in SHOTS:
        assert TipAdapterF().recipe(random_support(shots=shots)) == published(100)
    larger = random_support(labels=torch.arange(3).repeat_interleave(100))
    assert TipAdapterF().recipe(larger) == published(20)


def published(epochs: int) -> Recipe:
    return Recipe(
        optimiser="adamw", lr=1e-3, eps=1e-4, weight_decay=1e-2, batch=256, epochs=epochs, schedule="cosine", final_lr=0.0
    )


def test_views_and_what_is_stored() -> None:
    assert TipAdapterF().views("classification").count == 10 and TipAdapterF.trains_on == "fresh" and not TipAdapterF.order_free
    head = TipAdapterF().head(random_support())
    assert set(head.state_dict()) == {"keys", "onehot"} and [name for name, _ in head.named_parameters()] == ["keys"]
    assert head.keys.shape[0] == 4 * CLASSES
