"""XtremeCLIP against plain numpy, and the linear probe that it is in disguise."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from methods.base import Support
from methods.class_mean_probe import ClassMeanProbe
from methods.parts.affinity import affinity_loss
from methods.xtremeclip import XtremeClip
from tests.methods.conftest import CLASSES, SHOTS, random_features, random_support


def unit(x: np.ndarray) -> np.ndarray:
    x = x.astype(float)
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def fusion(v: np.ndarray, t: np.ndarray) -> np.ndarray:
    return np.concatenate([v, t, v + t, v - t, v * t])


def test_pair_scores_are_dot_products_with_class_means() -> None:
    support, test = random_support("pair"), random_features("pair", 5, seed=7)
    scores = XtremeClip().head(support)(test).detach().numpy()
    v, t = unit(support.features.image_raw.numpy()), unit(support.features.text_raw.numpy())
    for c in range(CLASSES):
        prototype = np.mean([fusion(v[i], t[i]) for i in range(c * SHOTS, (c + 1) * SHOTS)], axis=0)
        for b in range(5):
            query = fusion(unit(test.image_raw[b].numpy()), unit(test.text_raw[b].numpy()))
            assert scores[b, c] == pytest.approx(prototype @ query, rel=1e-4)


def test_classification_pairs_each_image_with_every_class_text() -> None:
    support, test = random_support("classification", views=3), random_features("classification", 5, seed=7)
    scores = XtremeClip().head(support)(test).detach().numpy()
    v, t = unit(support.views_raw.numpy().mean(1)), unit(test.candidates_raw.numpy())
    for c in range(CLASSES):
        prototype = np.mean([fusion(v[i], t[c]) for i in range(c * SHOTS, (c + 1) * SHOTS)], axis=0)
        for b in range(5):
            assert scores[b, c] == pytest.approx(prototype @ fusion(unit(test.image_raw[b].numpy()), t[c]), rel=1e-4)


@given(st.integers(0, 10_000))
def test_classification_is_a_linear_probe_with_a_bias(seed: int) -> None:
    """For any W: scores equal (w1 + w3 + w4 + w5 * t) . v + (w2 + w3 - w4) . t."""
    support = random_support("classification")
    head = XtremeClip().head(support)
    torch.manual_seed(seed)
    torch.nn.init.normal_(head.prototypes)
    test = random_features("classification", 4, seed=seed)
    w1, w2, w3, w4, w5 = np.split(head.prototypes.detach().numpy().astype(float), 5, axis=1)
    v, t = unit(test.image_raw.numpy()), unit(test.candidates_raw.numpy())
    expected = v @ (w1 + w3 + w4 + w5 * t).T + ((w2 + w3 - w4) * t).sum(1)
    np.testing.assert_allclose(head(test).detach().numpy(), expected, rtol=1e-4, atol=1e-5)


@given(st.integers(0, 10_000))
def test_pair_scores_are_linear_in_image_text_and_product(seed: int) -> None:
    head = XtremeClip().head(random_support("pair"))
    torch.manual_seed(seed)
    torch.nn.init.normal_(head.prototypes)
    test = random_features("pair", 4, seed=seed)
    w1, w2, w3, w4, w5 = np.split(head.prototypes.detach().numpy().astype(float), 5, axis=1)
    v, t = unit(test.image_raw.numpy()), unit(test.text_raw.numpy())
    expected = v @ (w1 + w3 + w4).T + t @ (w2 + w3 - w4).T + (v * t) @ w5.T
    np.testing.assert_allclose(head(test).detach().numpy(), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", ["classification", "pair"])
def test_the_class_mean_probe_starts_at_xtremeclips_scores(kind: str) -> None:
    support: Support = random_support(kind, views=2 if kind == "classification" else 0)  # type: ignore[arg-type]
    test = random_features(kind, 5, seed=3)  # type: ignore[arg-type]
    ours, theirs = ClassMeanProbe().head(support)(test), XtremeClip().head(support)(test)
    np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("affinity", ["softmax", "raw", "raw-sum", None])
def test_loss_by_plain_loops(affinity: str | None) -> None:
    generator = np.random.default_rng(0)
    s, y = generator.normal(size=(5, 4)), np.array([0, 3, 1, 1, 2])
    p = np.exp(s) / np.exp(s).sum(1, keepdims=True)
    entropy = -np.mean([np.log(p[i, y[i]]) for i in range(5)])
    q = p if affinity == "softmax" else s
    excess = [max(0.0, q[i, c] - q[i, y[i]]) for i in range(5) for c in range(4)]
    contrast = 0.0 if affinity is None else np.sum(excess) if affinity == "raw-sum" else np.mean(excess)
    ours = affinity_loss(torch.tensor(s), torch.tensor(y), affinity)
    assert float(ours) == pytest.approx(entropy + contrast)


def test_parameters_do_what_they_say() -> None:
    support = random_support("pair")
    test = random_features("pair", 5)
    assert XtremeClip(XtremeClip.Params(fusion="vt")).head(support).prototypes.shape[1] == 12
    random = XtremeClip(XtremeClip.Params(init="random")).head(support)
    assert float(random.prototypes.detach().std()) == pytest.approx(0.02, rel=0.3)
    paper = XtremeClip(XtremeClip.Params(paper=True))
    assert (paper.recipe(support).lr, paper.recipe(support).epochs) == (6e-3, 20)
    assert paper.squashes_images("pair") and not paper.squashes_images("classification")
    scores = random(test).detach()
    plain = XtremeClip(XtremeClip.Params(contrast=False)).loss(scores, torch.tensor([0, 1, 2, 0, 1]), support)
    assert float(plain) == pytest.approx(float(torch.nn.functional.cross_entropy(scores, torch.tensor([0, 1, 2, 0, 1]))))
