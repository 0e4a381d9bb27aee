"""Scores, gradients and descents of the heads against plain numpy in float64, written from the formulas."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from bench.cell.fitting import HeadFitting
from methods.base import Features, HeadMethod, NotApplicable, Support
from methods.clip_adapter import ClipAdapter
from methods.lp_plus_plus import LPPlusPlus
from methods.taskres import TaskRes
from methods.zero_shot import ZeroShot
from methods.zs_linear_probe import ZeroShotLinearProbe
from tests.methods.conftest import CLASSES, WIDTH, random_features, random_support

SCALE = 20.0  # of the random support
Weights = list[np.ndarray]


def array(x: torch.Tensor | None) -> np.ndarray:
    assert x is not None
    return x.detach().double().numpy()


def unit(x: np.ndarray) -> np.ndarray:
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def softmax(scores: np.ndarray) -> np.ndarray:
    powers = np.exp(scores - scores.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


def cross_entropy(scores: np.ndarray, labels: np.ndarray) -> float:
    return float(-np.mean([np.log(softmax(scores)[i, y]) for i, y in enumerate(labels)]))


def slopes(loss: Callable[[Weights], float], weights: Weights, step: float = 1e-6) -> Weights:
    """Central differences of the loss in every single number of the weights."""
    found = [np.zeros_like(weight) for weight in weights]
    for number, weight in enumerate(weights):
        for index in np.ndindex(weight.shape):
            sides = []
            for sign in (1, -1):
                moved = [each.copy() for each in weights]
                moved[number][index] += sign * step
                sides.append(loss(moved))
            found[number][index] = (sides[0] - sides[1]) / (2 * step)
    return found


def wide_support() -> Support:
    """As the random support, but eight wide, so that a quarter of the width is more than one."""
    generator = torch.Generator().manual_seed(3)
    support = random_support("classification")
    images, texts = (torch.randn(count, 8, generator=generator) for count in (len(support), CLASSES))
    return dataclasses.replace(support, features=Features(images, None, texts))


def zs_linear_probe_by_hand(f: np.ndarray, t: np.ndarray, weights: Weights) -> np.ndarray:
    scores = np.zeros((len(f), len(t)))
    for b in range(len(f)):
        for c in range(len(t)):
            scores[b, c] = SCALE * unit(weights[0][c]) @ f[b]
    return scores


def taskres_by_hand(f: np.ndarray, t: np.ndarray, weights: Weights) -> np.ndarray:
    scores = np.zeros((len(f), len(t)))
    for b in range(len(f)):
        for c in range(len(t)):
            scores[b, c] = SCALE * f[b] @ unit(t[c] + 0.5 * weights[0][c])
    return scores


def clip_adapter_by_hand(f: np.ndarray, t: np.ndarray, weights: Weights) -> np.ndarray:
    down, up = weights
    scores = np.zeros((len(f), len(t)))
    for b in range(len(f)):
        adapted = np.maximum(up @ np.maximum(down @ f[b], 0), 0)
        for c in range(len(t)):
            scores[b, c] = SCALE * unit(0.2 * adapted + 0.8 * f[b]) @ t[c]
    return scores


BY_HAND: dict[type[HeadMethod], Callable[[np.ndarray, np.ndarray, Weights], np.ndarray]] = {
    ZeroShotLinearProbe: zs_linear_probe_by_hand,
    TaskRes: taskres_by_hand,
    ClipAdapter: clip_adapter_by_hand,
}


@pytest.mark.parametrize("at_start", [True, False])
@pytest.mark.parametrize("kind", BY_HAND)
def test_scores_and_gradients_equal_the_formulas(kind: type[HeadMethod], at_start: bool) -> None:
    support, method = wide_support(), kind()
    torch.manual_seed(0)
    head = method.head(support)
    parameters = list(head.parameters())
    if not at_start:
        for parameter in parameters:
            torch.nn.init.normal_(parameter, std=0.7)
    f, t = unit(array(support.features.image_raw)), unit(array(support.features.candidates_raw))
    labels, weights = support.labels.numpy(), [array(parameter) for parameter in parameters]
    scores = head(support.features)
    np.testing.assert_allclose(array(scores), BY_HAND[kind](f, t, weights), rtol=1e-4, atol=1e-5)
    method.loss(scores, support.labels, support).backward()
    expected = slopes(lambda moved: cross_entropy(BY_HAND[kind](f, t, moved), labels), weights)
    for parameter, slope in zip(parameters, expected, strict=True):
        np.testing.assert_allclose(array(parameter.grad), slope, rtol=1e-3, atol=1e-5)
        assert np.abs(slope).max() > 1e-3


@pytest.mark.parametrize("kind", [ZeroShotLinearProbe, TaskRes])
def test_text_weights_start_at_zero_shot(kind: type[HeadMethod]) -> None:
    support, test = random_support("classification"), random_features("classification", 5, seed=2)
    f, t = unit(array(test.image_raw)), unit(array(test.candidates_raw))
    np.testing.assert_allclose(array(kind().head(support)(test)), SCALE * f @ t.T, rtol=1e-4, atol=1e-5)


def test_scores_of_the_zero_shot_linear_probe_ignore_the_lengths_of_its_weights() -> None:
    support = random_support("classification")
    head: Any = ZeroShotLinearProbe().head(support)
    torch.nn.init.normal_(head.weight)
    before = head(support.features)
    ZeroShotLinearProbe().loss(before, support.labels, support).backward()
    np.testing.assert_allclose((array(head.weight) * array(head.weight.grad)).sum(1), 0, atol=1e-5)
    with torch.no_grad():
        head.weight *= torch.tensor([[2.0], [0.3], [5.0]])
    np.testing.assert_allclose(array(head(support.features)), array(before), rtol=1e-4, atol=1e-5)


def test_clip_adapter_has_a_quarter_of_the_width_and_no_biases() -> None:
    head = ClipAdapter().head(wide_support())
    assert [tuple(parameter.shape) for parameter in head.parameters()] == [(2, 8), (8, 2)]


@pytest.mark.parametrize(("kind", "name"), [(ClipAdapter, "r"), (TaskRes, "alpha")])
def test_without_their_share_the_adapted_features_are_zero_shot(kind: Any, name: str) -> None:
    support = wide_support()
    head = kind(kind.Params(**{name: 0.0})).head(support)
    for parameter in head.parameters():
        torch.nn.init.normal_(parameter)
    f, t = unit(array(support.features.image_raw)), unit(array(support.features.candidates_raw))
    np.testing.assert_allclose(array(head(support.features)), SCALE * f @ t.T, rtol=1e-4, atol=1e-5)


class Descent:
    """LP++ in numpy: the weights after each step, the start first."""

    def __init__(self, support: Support, steps: int) -> None:
        f, t = unit(array(support.features.image_raw)), unit(array(support.features.candidates_raw))
        y, n, classes = support.labels.numpy(), len(support), len(t)
        match = f @ t.T
        w = np.array([sum(f[i] for i in range(n) if y[i] == c) for c in range(classes)])
        b = np.zeros(classes)
        alpha = np.full(classes, 250 * np.mean([np.mean([match[i, c] for i in range(n) if y[i] == c]) for c in range(classes)]))
        step_w = 4 * n / np.linalg.eigvalsh(f.T @ f).max()
        step_alpha = n / (4 * max(sum(match[i, c] ** 2 for i in range(n)) for c in range(classes)))
        speed_w, speed_b, speed_alpha = np.zeros_like(w), np.zeros_like(b), np.zeros_like(alpha)
        self.after = [(w, b, alpha)]
        for step in range(1, steps + 1):
            p = softmax(f @ w.T + b + alpha * match)
            error = np.array([[(p[i, c] - (y[i] == c)) / n for c in range(classes)] for i in range(n)])
            speed_w = 0.9 * speed_w + error.T @ f
            speed_b = 0.9 * speed_b + error.sum(0)
            w, b = w - step_w * speed_w, b - step_w * speed_b
            if step % 10 == 0:
                speed_alpha = 0.9 * speed_alpha + (error * match).sum(0)
                alpha = alpha - step_alpha * speed_alpha
            self.after.append((w, b, alpha))

    def scores(self, step: int, features: Features) -> np.ndarray:
        w, b, alpha = self.after[step]
        f, t = unit(array(features.image_raw)), unit(array(features.candidates_raw))
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
    features = Features(images, None, 3 * axes[CLASSES:])
    return dataclasses.replace(random_support("classification"), features=features, labels=labels)


@pytest.mark.parametrize("steps", [0, 1, 9, 10, 25])
def test_lp_plus_plus_descends_as_in_numpy(steps: int) -> None:
    support, test = nearby_support(), random_features("classification", 5, seed=2)
    head = LPPlusPlus(LPPlusPlus.Params(steps=steps)).head(support)
    descent = Descent(support, steps)
    check_blend(head, descent.after[-1])
    np.testing.assert_allclose(array(head(test)), descent.scores(steps, test), rtol=1e-4, atol=1e-4)


def test_lp_plus_plus_moves_alpha_at_every_tenth_step_only() -> None:
    alphas = [step[2] for step in Descent(nearby_support(), 25).after]
    for steps in (9, 19, 25):
        head: Any = LPPlusPlus(LPPlusPlus.Params(steps=steps)).head(nearby_support())
        np.testing.assert_allclose(array(head.alpha), alphas[steps // 10 * 10], rtol=1e-4, atol=1e-5)
    assert not np.allclose(alphas[9], alphas[10]) and not np.allclose(alphas[10], alphas[20])


@pytest.mark.parametrize("seed", [2, 11, 48])
def test_lp_plus_plus_keeps_the_best_step_on_validation(seed: int) -> None:
    support, validation = nearby_support(), nearby_support(spread=2.0, seed=seed)
    method, descent = LPPlusPlus(LPPlusPlus.Params(steps=25)), Descent(support, 25)
    head = method.head(support)
    right = [(descent.scores(step, validation.features).argmax(1) == validation.labels.numpy()).sum() for step in range(1, 26)]
    best = 1 + int(np.argmax(right))
    assert method.tune(head, validation) == {"step": best}
    check_blend(head, descent.after[best])


def test_the_ensemble_averages_unit_features_of_all_templates() -> None:
    templates, names = ("a photo of a {}.", "a drawing of a {}.", "the {}."), ("cat", "dog", "old house")
    generator = torch.Generator().manual_seed(0)
    known = {t.format(n): torch.randn(WIDTH, generator=generator) * 5 * len(t) for t in templates for n in names}

    def class_texts(template: str) -> list[str]:
        return [template.format(name) for name in names]

    def texts(wanted: list[str], stage: int) -> tuple[None, torch.Tensor]:
        return None, torch.stack([known[text] for text in wanted])

    frozen: Any = SimpleNamespace(task=SimpleNamespace(templates=templates, class_texts=class_texts), texts=texts)
    nothing: Any = None
    test = random_features("classification", 4)
    for ensemble, used in ((True, templates), (False, templates[:1])):
        method = ZeroShot(ZeroShot.Params(ensemble=ensemble))
        assert method.templates(templates) == used
        averaged = HeadFitting(method, frozen, nothing, None, 1.0)._class_features(4)
        scores = method.head(random_support("classification"))(Features(test.image_raw, None, averaged))
        for b in range(4):
            for c, name in enumerate(names):
                text = unit(np.mean([unit(array(known[template.format(name)])) for template in used], axis=0))
                assert float(scores[b, c]) == pytest.approx(SCALE * unit(array(test.image_raw[b])) @ text, rel=1e-4, abs=1e-5)


def test_an_ensemble_needs_several_templates_and_classes() -> None:
    method = ZeroShot(ZeroShot.Params(ensemble=True))
    with pytest.raises(NotApplicable, match="single template"):
        method.templates(("a photo of a {}.",))
    with pytest.raises(NotApplicable, match="class texts"):
        method.head(random_support("pair"))
