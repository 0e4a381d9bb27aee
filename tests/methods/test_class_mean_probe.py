"""The class-mean probe: a linear layer that starts at XtremeCLIP's scores, both in numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from bench.backbone import Backbone
from methods.class_mean_probe import ClassMeanProbe
from tests.methods.heads import CLASSES, SHOTS, array, close, fusion, random_features, random_support, unit
from tests.methods.recipes import xtremeclip
from tests.methods.stated import check_counts, trains


def class_mean(fused: np.ndarray, c: int) -> np.ndarray:
    return fused[c * SHOTS : (c + 1) * SHOTS].mean(0)


def test_in_classification_it_starts_at_the_class_means_of_the_fusion() -> None:
    support, test = random_support(views=2), random_features("classification", 5, seed=3)
    assert support.views_raw is not None
    v, t, images = unit(support.views_raw.mean(1)), unit(test.candidates_raw), unit(test.image_raw)
    scores = [[class_mean(fusion(v, t[[c] * len(v)]), c) @ fusion(f, t[c]) for c in range(CLASSES)] for f in images]
    close(ClassMeanProbe().head(support)(test), np.array(scores))


def test_on_pairs_too() -> None:
    support, test = random_support("pair"), random_features("pair", 5, seed=3)
    fused = fusion(unit(support.features.image_raw), unit(support.features.text_raw))
    queries = fusion(unit(test.image_raw), unit(test.text_raw))
    close(ClassMeanProbe().head(support)(test), queries @ np.array([class_mean(fused, c) for c in range(CLASSES)]).T)


@pytest.mark.parametrize("kind", ["classification", "pair"])
def test_anywhere_else_it_is_linear_with_a_bias(kind: str) -> None:
    test = random_features(kind, 5, seed=3)
    head: Any = ClassMeanProbe().head(random_support(kind))
    torch.manual_seed(0)
    for parameter in head.parameters():
        torch.nn.init.normal_(parameter)
    x = unit(test.image_raw)
    if kind == "pair":
        x = np.concatenate([x, unit(test.text_raw), x * unit(test.text_raw)], axis=1)
    close(head(test), x @ array(head.linear.weight).T + array(head.linear.bias))


def test_its_loss_adds_the_excess_of_wrong_probabilities() -> None:
    scores, labels = torch.randn(5, CLASSES, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 1, 2, 0, 1])
    q = array(scores.softmax(1))
    excess = [max(0.0, q[b, c] - q[b, int(labels[b])]) for b in range(5) for c in range(CLASSES)]
    ours = ClassMeanProbe().loss(scores, labels, random_support())
    assert float(ours) == pytest.approx(float(F.cross_entropy(scores, labels)) + np.mean(excess), rel=1e-5)


def test_in_training_it_sees_the_mean_of_ten_views() -> None:
    assert ClassMeanProbe.trains_on == "mean"
    views = ClassMeanProbe().views("pair")
    assert (views.count, views.smallest_crop, views.squash) == (10, 0.5, False)


def test_counts(vit: Backbone) -> None:
    check_counts(vit, ClassMeanProbe, trains(10 * 513))


def test_recipe_and_what_is_stored() -> None:
    assert ClassMeanProbe().recipe(random_support()) == xtremeclip(epochs=200)
    assert ClassMeanProbe().recipe(random_support("pair")) == xtremeclip(epochs=20)
    assert set(ClassMeanProbe().head(random_support()).state_dict()) == {"linear.weight", "linear.bias"}
