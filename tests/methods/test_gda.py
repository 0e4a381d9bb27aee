"""GDA: means, covariance and the shrunk precision by plain numpy, and its search."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bench.backbone import Backbone
from methods.base import Support
from methods.gda import ALPHAS, GDA
from tests.methods.heads import CLASSES, random_features, random_support, unit
from tests.methods.stated import check_counts, trains


def by_hand(support: Support, f: np.ndarray, alpha: float) -> np.ndarray:
    """Scores of unit images f [B, d]; numpy's own covariance and inverse (it is of full rank here)."""
    assert support.views_raw is not None
    x = unit(support.views_raw).reshape(-1, f.shape[1]).astype(np.float64)
    labels = support.labels.numpy().repeat(support.views_raw.shape[1])
    mu = np.stack([x[labels == c].mean(0) for c in range(CLASSES)])
    sigma = np.cov(x - mu[labels], rowvar=False)
    count, d = x.shape
    precision = d * np.linalg.inv((count - 1) * sigma + np.trace(sigma) * np.eye(d))
    scores = np.zeros((len(f), CLASSES))
    t = unit(support.features.candidates_raw)
    for b in range(len(f)):
        for c in range(CLASSES):
            gaussian = f[b] @ precision @ mu[c] + math.log(1 / CLASSES) - mu[c] @ precision @ mu[c] / 2
            scores[b, c] = support.logit_scale * f[b] @ t[c] + alpha * gaussian
    return scores


@pytest.mark.parametrize("alpha", [1.0, 0.3, 10.0])
def test_by_plain_numpy(alpha: float) -> None:
    support, test = random_support(views=4), random_features("classification", 5, seed=2)
    scores = GDA(GDA.Params(alpha=alpha)).head(support)(test).numpy()
    np.testing.assert_allclose(scores, by_hand(support, unit(test.image_raw), alpha), rtol=1e-4, atol=1e-4)


def test_its_search_takes_the_first_best_on_validation() -> None:
    support, validation = random_support(views=4), random_support()
    f, labels = unit(validation.features.image_raw), validation.labels.numpy()
    right = {alpha: (by_hand(support, f, alpha).argmax(1) == labels).sum() for alpha in ALPHAS}
    head = GDA().head(support)
    assert GDA().tune(head, validation) == {"alpha": head.alpha} == {"alpha": max(ALPHAS, key=lambda alpha: right[alpha])}
    assert pytest.approx([1e-4, 1e-3, 1e-2, 1e-1, 1, 10, 100]) == ALPHAS


def test_nothing_trains_and_the_classifier_is_stored(vit: Backbone) -> None:
    check_counts(vit, GDA, trains(0))
    assert GDA().recipe(random_support()) is None
    assert set(GDA().head(random_support(views=2)).state_dict()) == {"w", "b"}


def test_it_sees_ten_crops_of_each_image() -> None:
    views = GDA().views("classification")
    assert (views.count, views.smallest_crop, views.flip) == (10, 0.5, True)
