"""APE: channels, weights of the cached examples and scores by plain loops, and its search."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from bench.backbone import Backbone
from methods.ape import ALPHAS, APE, BETAS, GAMMAS
from methods.base import Support
from tests.methods.heads import CLASSES, array, random_features, random_support, softmax, unit
from tests.methods.stated import check_counts, check_refused, trains


def criterion_by_hand(keys: np.ndarray, labels: np.ndarray, t: np.ndarray, w: float) -> np.ndarray:
    """Of each channel: every pair of a key or text with one of another class, one after the other."""
    x, classes = np.concatenate([keys, t]), [*labels, *range(len(t))]
    products = [x[i] * x[j] for i in range(len(x)) for j in range(len(x)) if classes[i] != classes[j]]
    spread = np.array([((t[:, k] - t[:, k].mean()) ** 2).sum() / (len(t) - 1) for k in range(t.shape[1])])
    criterion: np.ndarray = -w * np.mean(products, axis=0) + (1 - w) * spread
    return criterion


def by_hand(support: Support, f: np.ndarray, alpha: float, beta: float, gamma: float, w: float, count: int) -> np.ndarray:
    assert support.views_raw is not None
    keys, t, labels = unit(support.views_raw.double().mean(1)), unit(support.features.candidates_raw), support.labels.numpy()
    chosen = np.argsort(-criterion_by_hand(keys, labels, t, w))[:count]
    near, texts, images = (unit(each[:, chosen]) for each in (keys, t, f))
    scores = support.logit_scale * f @ t.T
    for k, label in enumerate(labels):
        p = softmax(near[k : k + 1] @ texts.T)[0, label]
        for b in range(len(f)):
            scores[b, label] += alpha * math.exp(-beta * (1 - images[b] @ near[k])) * p ** (-gamma / math.log(2))
    return scores


@pytest.mark.parametrize(("share", "count"), [(0.5, 3), (800 / 1024, 5), (0.01, 1), (1.0, 6)])
@pytest.mark.parametrize("w", [0.7, 0.2])
def test_scores_by_plain_loops(share: float, count: int, w: float) -> None:
    support, test = random_support(views=4), random_features("classification", 5, seed=2)
    head = APE(APE.Params(alpha=2.0, beta=1.5, gamma=0.4, share=share, w=w)).head(support)
    expected = by_hand(support, unit(test.image_raw), 2.0, 1.5, 0.4, w, count)
    np.testing.assert_allclose(head(test).numpy(), expected, rtol=1e-4, atol=1e-4)


def test_defaults() -> None:
    support, test = random_support(views=4), random_features("classification", 5, seed=2)
    np.testing.assert_allclose(
        APE().head(support)(test).numpy(), by_hand(support, unit(test.image_raw), 1.0, 1.0, 0.1, 0.7, 5), rtol=1e-4, atol=1e-4
    )


def test_the_criterion_counts_pairs_where_classes_have_unlike_numbers_of_examples() -> None:
    labels = torch.tensor([0] * 7 + [1] * 5)
    support = random_support(views=2, labels=labels)
    assert support.views_raw is not None
    keys, t = unit(support.views_raw.double().mean(1)), unit(support.features.candidates_raw)
    order = np.argsort(-criterion_by_hand(keys, labels.numpy(), t, 0.7))
    head: Any = APE(APE.Params(share=0.5)).head(support)
    assert set(head.chosen.tolist()) == set(order[:3].tolist())


def test_its_search_takes_the_first_best_of_the_whole_grid_on_validation(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(BETAS) == 200 and len(ALPHAS) == len(GAMMAS) == 20
    for values, last in ((BETAS, 7 - 6.9 / 200), (ALPHAS, 7 - 6.9 / 20)):
        assert values[0].item() == pytest.approx(0.1) and values[-1].item() == pytest.approx(last)
    assert (GAMMAS[0].item(), GAMMAS[-1].item()) == (0, pytest.approx(0.95))
    few = {"BETAS": torch.tensor([0.5, 5.0]), "ALPHAS": torch.tensor([0.1, 3.0, 9.0]), "GAMMAS": torch.tensor([0.0, 0.9])}
    for name, values in few.items():
        monkeypatch.setattr(f"methods.ape.{name}", values)
    support, validation = random_support(views=4, logit_scale=1.0), random_support(logit_scale=1.0)
    f, labels = unit(validation.features.image_raw), validation.labels.numpy()
    right = {
        (alpha, beta, gamma): (by_hand(support, f, alpha, beta, gamma, 0.7, 5).argmax(1) == labels).sum()
        for beta in few["BETAS"].tolist() for gamma in few["GAMMAS"].tolist() for alpha in few["ALPHAS"].tolist()
    }  # fmt: skip
    assert len(set(right.values())) > 1
    head: Any = APE().head(support)
    alpha, beta, gamma = max(right, key=lambda triple: right[triple])
    assert APE().tune(head, validation) == {"alpha": alpha, "beta": beta, "gamma": gamma}
    expected = by_hand(support, f, alpha, beta, gamma, 0.7, 5)
    np.testing.assert_allclose(array(head(validation.features)), expected, rtol=1e-4, atol=1e-4)


def test_nothing_trains_and_the_cache_is_stored(vit: Backbone) -> None:
    check_counts(vit, APE, trains(0))
    assert APE().recipe(random_support()) is None
    shapes = {name: tuple(value.shape) for name, value in APE().head(random_support(views=2)).state_dict().items()}
    assert shapes == {"keys": (12, 5), "onehot": (12, CLASSES), "surprise": (12, 1), "chosen": (5,)}
    views = APE().views("classification")
    assert (views.count, views.smallest_crop, views.flip) == (10, 0.5, True)


@pytest.mark.parametrize("text", ["share=0", "share=1.5", "w=-1"])
def test_refused_values(text: str) -> None:
    check_refused(f"ape[{text}]", "share must be above 0 and at most 1, w at least 0 and at most 1")
