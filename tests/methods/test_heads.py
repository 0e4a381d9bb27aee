"""The other heads against plain computations."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from methods.base import Features, NotApplicable, Support
from methods.linear_probe import LinearProbe
from methods.parts.logistic import logistic_regression
from methods.tip_adapter import TipAdapter
from methods.tip_adapter_f import TipAdapterF
from methods.zero_shot import ZeroShot
from tests.methods.conftest import CLASSES, SHOTS, WIDTH, random_features, random_support


def unit(x: torch.Tensor) -> np.ndarray:
    array = x.double().numpy()
    return array / np.linalg.norm(array, axis=-1, keepdims=True)


def test_zero_shot_on_classes_answers_and_captions() -> None:
    test = random_features("classification", 4)
    head = ZeroShot().head(random_support("classification"))
    np.testing.assert_allclose(head(test), 20 * unit(test.image_raw) @ unit(test.candidates_raw).T, rtol=1e-4, atol=1e-5)
    answers = torch.randn(4, 3, WIDTH)
    scores = head(Features(test.image_raw, None, answers)).numpy()
    for b in range(4):
        np.testing.assert_allclose(scores[b], 20 * unit(answers[b]) @ unit(test.image_raw[b]), rtol=1e-4, atol=1e-5)
    with pytest.raises(NotApplicable, match="no candidate texts"):
        head(random_features("pair", 4))


@pytest.mark.parametrize("classes", [2, 3])
def test_logistic_regression_minimises_the_l2_objective(classes: int) -> None:
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
    linear = logistic_regression(torch.randn(6, 4), torch.tensor([0, 0, 2, 2, 2, 0]), 4)
    assert set(linear(10 * torch.randn(200, 4)).argmax(1).tolist()) <= {0, 2}
    only = logistic_regression(torch.randn(3, 4), torch.tensor([1, 1, 1]), 3)
    assert only(torch.randn(5, 4)).argmax(1).tolist() == [1] * 5


def test_linear_probe_sees_raw_features_and_products() -> None:
    for kind, width in (("classification", WIDTH), ("pair", 3 * WIDTH)):
        support: Support = random_support(kind)  # type: ignore[arg-type]
        probe = LinearProbe().head(support)
        assert probe.linear.weight.shape == (CLASSES, width)
        single = support.features
        scaled = Features(2 * single.image_raw, single.text_raw, single.candidates_raw)
        same = torch.allclose(probe(single), probe(scaled))
        assert same == (kind == "pair")  # only the raw features of a classification know their length


@pytest.mark.parametrize("best", [1e-5, 0.03, 0.5, 7e3])
def test_linear_probes_search_finds_the_best_strength(best: float) -> None:
    tried: list[float] = []

    def score(values):  # type: ignore[no-untyped-def]
        tried.append(values["strength"])
        return -abs(math.log10(values["strength"] / best))

    found = LinearProbe().search(score)["strength"]
    assert abs(math.log10(found / best)) < 0.1
    assert len(tried) < 40


@pytest.mark.parametrize("kind", [TipAdapter, TipAdapterF])
def test_tip_adapter_by_plain_loops(kind: type[TipAdapter]) -> None:
    support, test = random_support("classification", views=4), random_features("classification", 5, seed=2)
    scores = kind(kind.Params(alpha=0.7, beta=3.0)).head(support)(test).detach().numpy()
    f, t = unit(test.image_raw), unit(test.candidates_raw)
    keys = unit(support.views_raw.mean(1))
    for b in range(5):
        for c in range(CLASSES):
            cache = sum(math.exp(-3.0 * (1 - f[b] @ keys[k])) for k in range(c * SHOTS, (c + 1) * SHOTS))
            assert scores[b, c] == pytest.approx(100 * f[b] @ t[c] + 0.7 * cache, rel=1e-5)


def test_tips_search_is_on_validation_only_and_keeps_the_best() -> None:
    support = random_support("classification")
    cache = TipAdapter().head(support)
    chosen = TipAdapter().tune(cache, support)
    assert chosen == {"alpha": cache.alpha, "beta": cache.beta}
    accuracy = float((cache(support.features).argmax(1) == support.labels).float().mean())
    for alpha, beta in ((0.1, 0.1), (1.0, 5.5), (3.0, 7.0)):
        other = TipAdapter(TipAdapter.Params(alpha=alpha, beta=beta)).head(support)
        assert accuracy >= float((other(support.features).argmax(1) == support.labels).float().mean()) - 1e-9
