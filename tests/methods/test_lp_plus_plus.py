"""LP++ against a descent in numpy."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from bench.backbone import Backbone
from methods.base import Features, Support, Views
from methods.lp_plus_plus import LPPlusPlus
from tests.methods.heads import CLASSES, WIDTH, array, random_features, random_support, softmax, unit
from tests.methods.stated import check_counts, trains


class Descent:
    """The weights after each step, the start first."""

    def __init__(self, support: Support, steps: int) -> None:
        images = support.features.image_raw if support.views_raw is None else support.views_raw[:, 0]
        f, t = unit(images), unit(support.features.candidates_raw)
        y, n, classes = support.labels.numpy(), len(support), len(t)
        match = f @ t.T
        w = np.array([sum(f[i] for i in range(n) if y[i] == c) for c in range(classes)])
        b = np.zeros(classes)
        alpha = np.full(classes, 250 * np.mean([np.mean([match[i, c] for i in range(n) if y[i] == c]) for c in range(classes)]))
        step_w = 4 * n / np.linalg.eigvalsh(f.T @ f).max()
        step_alpha = n / (4 * max(sum(match[i, c] ** 2 for i in range(n)) for c in range(classes)))
        speed_w, speed_b, sum_alpha = np.zeros_like(w), np.zeros_like(b), np.zeros_like(alpha)
        self.after = [(w, b, alpha)]
        for step in range(1, steps + 1):
            p = softmax(f @ w.T + b + alpha * match)
            error = np.array([[(p[i, c] - (y[i] == c)) / n for c in range(classes)] for i in range(n)])
            speed_w = 0.9 * speed_w + error.T @ f
            speed_b = 0.9 * speed_b + error.sum(0)
            w, b = w - step_w * speed_w, b - step_w * speed_b
            sum_alpha = sum_alpha + (error * match).sum(0)
            if step % 10 == 0:
                alpha = alpha - step_alpha * sum_alpha
            self.after.append((w, b, alpha))

    def scores(self, step: int, features: Features) -> np.ndarray:
        w, b, alpha = self.after[step]
        f, t = unit(features.image_raw), unit(features.candidates_raw)
        return f @ w.T + b + alpha * (f @ t.T)


def check_blend(head: Any, expected: tuple[np.ndarray, ...]) -> None:
    for ours, theirs in zip((head.weight, head.bias, head.alpha), expected, strict=True):
        np.testing.assert_allclose(array(ours), theirs, rtol=1e-4, atol=1e-4)


def nearby_support(spread: float = 1.0, seed: int = 23) -> Support:
    """Images at right angles to the texts but for some noise, so that alpha starts small; classes of uneven size."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.tensor([0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2])
    axes = torch.eye(WIDTH)
    images = 2 * (axes[labels] + spread * torch.randn(len(labels), WIDTH, generator=generator))
    images[:, CLASSES:] += 0.2 * axes[labels][:, :CLASSES]
    return random_support(features=Features(images, None, 3 * axes[CLASSES:]), labels=labels)


@pytest.mark.parametrize("steps", [0, 1, 9, 10, 25])
def test_it_descends_as_in_numpy(steps: int) -> None:
    plain, test = nearby_support(), random_features("classification", 5, seed=2)
    crops = plain.features.image_raw + 0.3 * torch.randn(len(plain), WIDTH, generator=torch.Generator().manual_seed(7))
    support = replace(plain, views_raw=crops[:, None])
    head = LPPlusPlus(LPPlusPlus.Params(steps=steps)).head(support)
    descent = Descent(support, steps)
    check_blend(head, descent.after[-1])
    np.testing.assert_allclose(array(head(test)), descent.scores(steps, test), rtol=1e-4, atol=1e-4)


def test_alpha_moves_at_every_tenth_step_only() -> None:
    alphas = [step[2] for step in Descent(nearby_support(), 25).after]
    for steps in (9, 19, 25):
        head: Any = LPPlusPlus(LPPlusPlus.Params(steps=steps)).head(nearby_support())
        np.testing.assert_allclose(array(head.alpha), alphas[steps // 10 * 10], rtol=1e-4, atol=1e-5)
    assert not np.allclose(alphas[9], alphas[10]) and not np.allclose(alphas[10], alphas[20])


@pytest.mark.parametrize("seed", [2, 11, 48])
def test_it_keeps_the_best_step_on_validation(seed: int) -> None:
    support, validation = nearby_support(), nearby_support(spread=2.0, seed=seed)
    method, descent = LPPlusPlus(LPPlusPlus.Params(steps=25)), Descent(support, 25)
    head = method.head(support)
    right = [(descent.scores(step, validation.features).argmax(1) == validation.labels.numpy()).sum() for step in range(1, 26)]
    best = 25 - int(np.argmax(right[::-1]))  # of equal ones the last
    assert method.tune(head, validation) == {"step": best}
    check_blend(head, descent.after[best])


def test_it_descends_on_one_crop_of_each_image() -> None:
    assert LPPlusPlus.trains_on == "mean" and LPPlusPlus().views("classification") == Views(count=1, smallest_crop=0.5, flip=True)


def test_counts(vit: Backbone) -> None:
    check_counts(vit, LPPlusPlus, trains(10 * 514))


def test_it_is_fitted_without_a_recipe_and_stores_weights_biases_and_blends() -> None:
    assert LPPlusPlus().recipe(random_support()) is None
    assert LPPlusPlus().params == LPPlusPlus.Params(steps=300, momentum=0.9, alpha_every=10)
    assert set(LPPlusPlus(LPPlusPlus.Params(steps=1)).head(random_support()).state_dict()) == {"weight", "bias", "alpha"}
