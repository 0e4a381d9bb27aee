"""ProKeR: its regression by plain numpy, and its search."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from bench.backbone import Backbone
from methods.base import Features, NotApplicable, Support
from methods.proker import BETAS, LAMBDAS, PUBLISHED, ProKeR
from tests.methods.heads import CLASSES, SCALE, WIDTH, random_features, random_support, unit
from tests.methods.stated import check_counts, check_refused, trains


def by_hand(support: Support, f: np.ndarray, beta: float, ridge: float) -> np.ndarray:
    """Scores of unit images f [B, d], element by element."""
    views = support.features.image_raw[:, None].repeat(1, 10, 1) if support.views_raw is None else support.views_raw
    x, t = unit(views).reshape(-1, f.shape[1]), unit(support.features.candidates_raw)
    y = np.eye(CLASSES)[support.labels.numpy().repeat(views.shape[1])]
    kernel = np.array([[np.exp(-beta * (1 - a @ b)) for b in x] for a in x])
    a = np.linalg.inv(kernel / ridge + np.eye(len(x))) @ (y - x @ t.T)
    near = np.array([[np.exp(-beta * (1 - row @ b)) for b in x] for row in f])
    return SCALE * (f @ t.T + near @ a)


@pytest.mark.parametrize(("beta", "ridge"), [(2.0, 0.3), (0.5, 0.001)])
def test_by_plain_numpy(beta: float, ridge: float) -> None:
    support, test = random_support(views=3), random_features("classification", 5, seed=2)
    scores = ProKeR(ProKeR.Params(beta=beta, ridge=ridge)).head(support)(test).numpy()
    np.testing.assert_allclose(scores, by_hand(support, unit(test.image_raw), beta, ridge), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(("shots", "taken"), [(1, 1), (3, 2), (4, 4), (9, 8), (16, 16), (64, 16)])
def test_without_parameters_it_takes_what_is_published_for_the_shots(shots: int, taken: int) -> None:
    support, test = random_support(shots=shots), random_features("classification", 5, seed=2)
    expected = by_hand(support, unit(test.image_raw), *PUBLISHED[taken])
    np.testing.assert_allclose(ProKeR().head(support)(test).numpy(), expected, rtol=1e-3, atol=1e-4)


def test_with_a_small_lambda_it_is_zero_shot_and_with_a_large_one_each_view_votes_with_its_whole_error() -> None:
    support = random_support(views=3)
    f, t, x = unit(support.features.image_raw), unit(support.features.candidates_raw), unit(support.views_raw).reshape(-1, WIDTH)
    error = np.eye(CLASSES)[support.labels.numpy().repeat(3)] - x @ t.T
    for ridge, votes in ((1e-6, 0.0), (1e6, np.exp(-5 * (1 - f @ x.T)) @ error)):
        scores = ProKeR(ProKeR.Params(beta=5.0, ridge=ridge)).head(support)(support.features).numpy()
        np.testing.assert_allclose(scores, SCALE * (f @ t.T + votes), rtol=1e-3, atol=1e-3)


def test_its_search_takes_the_first_best_of_the_whole_grid_on_validation() -> None:
    texts = 1 + 0.05 * torch.randn(CLASSES, WIDTH, generator=torch.Generator().manual_seed(1))
    support, validation = (
        random_support(features=Features(random_features("classification", 12, seed).image_raw, None, texts)) for seed in (1, 4)
    )
    f, labels = unit(validation.features.image_raw), validation.labels.numpy()
    right = {
        (beta, ridge): (by_hand(support, f, beta, ridge).argmax(1) == labels).sum()
        for beta in BETAS.tolist() for ridge in LAMBDAS.tolist()
    }  # fmt: skip
    assert len(set(right.values())) > 1
    head = ProKeR().head(support)
    beta, ridge = max(right, key=lambda pair: right[pair])
    assert ProKeR().tune(head, validation) == {"beta": beta, "ridge": ridge}
    np.testing.assert_allclose(head(validation.features).numpy(), by_hand(support, f, beta, ridge), rtol=1e-3, atol=1e-4)
    assert (
        pytest.approx(np.linspace(0.5, 3, 20)) == BETAS.tolist() and pytest.approx(np.linspace(0.001, 1, 10)) == LAMBDAS.tolist()
    )


def test_a_kernel_that_does_not_fit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("methods.proker.MOST_VIEWS", 20)
    ProKeR().head(random_support(views=1))
    with pytest.raises(NotApplicable, match="a kernel of 24 views needs 0 GiB of memory: only up to 20 are"):
        ProKeR().head(random_support(views=2))
    monkeypatch.setattr("methods.proker.BYTES", 20 * 2**30)
    with pytest.raises(NotApplicable, match="needs 11,520 GiB"):
        ProKeR().head(random_support(views=2))


def test_nothing_trains_and_the_regression_is_stored(vit: Backbone) -> None:
    check_counts(vit, ProKeR, trains(0))
    assert ProKeR().recipe(random_support()) is None
    assert {name: value.shape for name, value in ProKeR().head(random_support(views=2)).state_dict().items()} == {
        "x": (24, WIDTH), "a": (24, CLASSES),
    }  # fmt: skip
    assert dataclasses.astuple(ProKeR().views("classification"))[:3] == (10, 0.5, True)


@pytest.mark.parametrize("text", ["beta=0", "ridge=-1"])
def test_refused_values(text: str) -> None:
    check_refused(f"proker[{text}]", "beta and ridge must be above 0")
