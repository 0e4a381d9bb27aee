"""APE-T: residuals on chosen channels and weights of examples, by plain loops; its gradients, and its search."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from bench.backbone import Backbone
from methods.ape_t import APET
from methods.base import Recipe
from tests.methods.heads import (
    CLASSES,
    WIDTH,
    Weights,
    array,
    cross_entropy,
    random_features,
    random_support,
    slopes,
    softmax,
    unit,
)
from tests.methods.recipes import SHOTS
from tests.methods.stated import check_counts, check_refused, trains
from tests.methods.test_ape import criterion_by_hand

NONE = np.zeros((0, WIDTH))


def by_hand(
    f: np.ndarray,
    t: np.ndarray,
    keys: np.ndarray,
    labels: np.ndarray,
    chosen: np.ndarray,
    weights: Weights,
    alpha: float,
    beta: float,
) -> np.ndarray:
    """Scores at a temperature of 1 of unit images f [B, d]."""
    moved, v = np.zeros_like(t), weights[1]
    moved[:, chosen] = weights[0]
    scores = f @ (t + moved).T
    for b in range(len(f)):
        for k, label in enumerate(labels):
            scores[b, label] += alpha * np.exp(-beta * (1 - f[b] @ (keys[k] + moved[label]))) * v[k, 0]
    return scores


def test_scores_and_gradients_by_plain_loops() -> None:
    support, test = random_support(views=4, logit_scale=1.0), random_features("classification", 5, seed=2)
    head: Any = APET(APET.Params(alpha=2.0, beta=1.5, share=0.5)).head(support)
    assert support.views_raw is not None
    keys, t, labels = unit(support.views_raw.double().mean(1)), unit(support.features.candidates_raw), support.labels.numpy()
    chosen = np.sort(np.argsort(-criterion_by_hand(NONE, np.zeros(0, int), t, 0.2))[:3])
    assert not head.residual.any() and bool((head.weights == 1).all())
    for at_start in (True, False):
        if not at_start:
            torch.manual_seed(0)
            for parameter in head.parameters():
                torch.nn.init.normal_(parameter, std=0.5)
        weights = [array(head.residual), array(head.weights)]
        expected = by_hand(unit(test.image_raw), t, keys, labels, chosen, weights, 2.0, 1.5)
        np.testing.assert_allclose(array(head(test)), expected, rtol=1e-4, atol=1e-5)

    def loss(moved: Weights) -> float:
        return cross_entropy(by_hand(unit(support.features.image_raw), t, keys, labels, chosen, moved, 2.0, 1.5), labels)

    APET().loss(head(support.features), support.labels, support).backward()
    for parameter, slope in zip((head.residual, head.weights), slopes(loss, weights), strict=True):
        np.testing.assert_allclose(array(parameter.grad), slope, rtol=1e-3, atol=1e-5)
        assert np.abs(slope).max() > 1e-3


def test_at_the_start_it_is_a_cache_on_all_channels() -> None:
    support, test = random_support(views=4), random_features("classification", 5, seed=2)
    assert support.views_raw is not None
    keys, f, onehot = unit(support.views_raw.mean(1)), unit(test.image_raw), np.eye(CLASSES)[support.labels.numpy()]
    expected = support.logit_scale * f @ unit(test.candidates_raw).T + np.exp(-(1 - f @ keys.T)) @ onehot
    np.testing.assert_allclose(array(APET().head(support)(test)), expected, rtol=1e-4)


def test_its_search_takes_the_first_best_on_validation(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, values in (("BETAS", [0.5, 5.0]), ("ALPHAS", [0.1, 3.0, 9.0])):
        monkeypatch.setattr(f"methods.ape_t.{name}", torch.tensor(values))
    support, validation = random_support(views=4, logit_scale=1.0), random_support(logit_scale=1.0)
    head: Any = APET().head(support)
    found = {}
    for beta in (0.5, 5.0):
        for alpha in (0.1, 3.0, 9.0):
            head.alpha, head.beta = torch.tensor([alpha, beta]).tolist()
            predicted = softmax(array(head(validation.features))).argmax(1)
            found[head.alpha, head.beta] = (predicted == validation.labels.numpy()).sum()
    assert len(set(found.values())) > 1
    alpha, beta = max(found, key=lambda pair: found[pair])
    assert APET().tune(head, validation) == {"alpha": alpha, "beta": beta} == {"alpha": head.alpha, "beta": head.beta}


def test_counts(vit: Backbone) -> None:
    check_counts(vit, APET, trains(10 * 450 + 160, shots=16))


def test_recipe() -> None:
    def published(epochs: int) -> Recipe:
        return Recipe(
            optimiser="adamw", lr=1e-3, eps=1e-3, weight_decay=0.1, batch=256, epochs=epochs, schedule="cosine", final_lr=0.0
        )

    for shots in SHOTS:
        assert APET().recipe(random_support(shots=shots)) == published(200)
    assert APET().recipe(random_support(labels=torch.arange(3).repeat_interleave(100))) == published(30)


def test_views_and_what_is_stored() -> None:
    views = APET().views("classification")
    assert (views.count, views.smallest_crop, views.flip) == (10, 0.5, True) and APET.trains_on == "fresh"
    shapes = {name: tuple(value.shape) for name, value in APET().head(random_support()).state_dict().items()}
    assert shapes == {"keys": (12, WIDTH), "onehot": (12, CLASSES), "chosen": (5,), "residual": (CLASSES, 5), "weights": (12, 1)}


def test_refused_values() -> None:
    check_refused("ape-t[share=0]", "share must be above 0 and at most 1, w at least 0 and at most 1")
