"""Logistic regression against a general minimiser."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from methods.parts.logistic import logistic_regression


@pytest.mark.parametrize("classes", [2, 3])
def test_it_minimises_the_l2_objective(classes: int) -> None:
    """scikit-learn's objective for several classes: C sum of log losses + |W|^2 / 2, the bias free."""
    random = np.random.default_rng(0)
    x, y, strength = random.normal(size=(20, 4)), np.arange(20) % classes, 0.7

    def objective(flat: np.ndarray) -> float:
        w, b = flat[: classes * 4].reshape(classes, 4), flat[classes * 4 :]
        logits = x @ w.T + b
        log_loss = np.log(np.exp(logits).sum(1)) - logits[np.arange(20), y]
        # With two classes scikit-learn penalises the one difference vector, twice each half's square.
        penalty = (w**2).sum() / 2 if classes > 2 else ((w[1] - w[0]) ** 2).sum() / 2
        return strength * log_loss.sum() + penalty

    best = minimize(objective, np.zeros(classes * 5), tol=1e-10).x
    w, b = best[: classes * 4].reshape(classes, 4), best[classes * 4 :]
    linear = logistic_regression(torch.tensor(x).float(), torch.tensor(y), classes, strength)
    ours = torch.softmax(linear(torch.tensor(x).float()), 1).detach().numpy()
    logits = x @ w.T + b
    np.testing.assert_allclose(ours, np.exp(logits) / np.exp(logits).sum(1, keepdims=True), atol=2e-3)


def test_a_class_without_examples_is_never_chosen() -> None:
    torch.manual_seed(0)
    linear = logistic_regression(torch.randn(6, 4), torch.tensor([0, 0, 2, 2, 2, 0]), 4)
    assert set(linear(10 * torch.randn(200, 4)).argmax(1).tolist()) <= {0, 2}
    only = logistic_regression(torch.randn(3, 4), torch.tensor([1, 1, 1]), 3)
    assert only(torch.randn(5, 4)).argmax(1).tolist() == [1] * 5


def test_with_classes_missing_everything_is_finite() -> None:
    x = torch.randn(3, 16, generator=torch.Generator().manual_seed(0))
    linear = logistic_regression(x, torch.tensor([0, 1, 2]), 5)
    assert bool(torch.isfinite(linear.weight).all()) and bool(torch.isfinite(linear.bias).all())
