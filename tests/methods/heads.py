"""Small random features, and what heads do with them in plain numpy in float64."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from methods.base import CLASSIFICATION, PAIR, Features, HeadMethod, Support

WIDTH, CLASSES, SHOTS = 6, 3, 4
SCALE = 20.0  # of the random support
Weights = list[np.ndarray]
Scores = Callable[[np.ndarray, np.ndarray, Weights], np.ndarray]  # unit images [B, d], unit texts [C, d], weights -> [B, C]


def random_features(kind: str, count: int, seed: int = 0) -> Features:
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    texts = torch.randn(CLASSES, WIDTH, generator=torch.Generator().manual_seed(99))
    return Features(
        3 * draw(count, WIDTH), draw(count, WIDTH) if kind == PAIR else None, texts if kind == CLASSIFICATION else None
    )


def random_support(kind: str = CLASSIFICATION, views: int = 0, **changes: Any) -> Support:
    count = CLASSES * SHOTS
    generator = torch.Generator().manual_seed(5)
    support = Support(
        kind=kind,
        task="anything",
        shots=SHOTS,
        classes=CLASSES,
        features=random_features(kind, count, seed=1),
        labels=torch.arange(CLASSES).repeat_interleave(SHOTS),
        logit_scale=SCALE,
        views_raw=torch.randn(count, views, WIDTH, generator=generator) if views else None,
    )
    return dataclasses.replace(support, **changes)


def wide_support() -> Support:
    """As the random support, but eight wide, so that a quarter of the width is more than one."""
    generator = torch.Generator().manual_seed(3)
    images, texts = (torch.randn(count, 8, generator=generator) for count in (CLASSES * SHOTS, CLASSES))
    return random_support(features=Features(images, None, texts))


def array(x: Tensor | None) -> np.ndarray:
    assert x is not None
    return x.detach().double().numpy()


def unit(x: np.ndarray | Tensor | None) -> np.ndarray:
    x = x if isinstance(x, np.ndarray) else array(x)
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def cosines(f: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Scores [B, C] of the random support's temperature, each from the angle of one image f [B, d] and one text t [C, d]."""
    return np.array([[SCALE * unit(image) @ unit(text) for text in t] for image in f])


def fusion(v: np.ndarray, t: np.ndarray) -> np.ndarray:
    """XtremeCLIP's F(v, t)."""
    return np.concatenate([v, t, v + t, v - t, v * t], axis=-1)


def softmax(scores: np.ndarray) -> np.ndarray:
    powers = np.exp(scores - scores.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


def cross_entropy(scores: np.ndarray, labels: np.ndarray) -> float:
    return float(-np.mean([np.log(softmax(scores)[i, y]) for i, y in enumerate(labels)]))


def close(ours: Tensor, expected: np.ndarray) -> None:
    np.testing.assert_allclose(array(ours), expected, rtol=1e-4, atol=1e-5)


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


def check_scores_and_gradients(method: HeadMethod, by_hand: Scores, texts: Callable[[Tensor | None], np.ndarray] = unit) -> None:
    """At the start and anywhere else. texts: what the formula takes of the class texts, of unit length or as they are."""
    support = wide_support()
    f, t, labels = unit(support.features.image_raw), texts(support.features.candidates_raw), support.labels.numpy()
    for at_start in (True, False):
        torch.manual_seed(0)
        head = method.head(support)
        parameters = list(head.parameters())
        if not at_start:
            for parameter in parameters:
                nn.init.normal_(parameter, std=0.7)
        weights = [array(parameter) for parameter in parameters]
        scores = head(support.features)
        close(scores, by_hand(f, t, weights))
        method.loss(scores, support.labels, support).backward()
        expected = slopes(lambda moved: cross_entropy(by_hand(f, t, moved), labels), weights)
        for parameter, slope in zip(parameters, expected, strict=True):
            np.testing.assert_allclose(array(parameter.grad), slope, rtol=1e-3, atol=1e-5)
            assert np.abs(slope).max() > 1e-3


def check_zero_shot(head: nn.Module) -> None:
    """The head scores as the backbone alone."""
    features = wide_support().features
    close(head(features), SCALE * unit(features.image_raw) @ unit(features.candidates_raw).T)


def check_logistic(layer: nn.Linear, x: np.ndarray, labels: np.ndarray, strength: float = 0.316) -> None:
    """Stationary: the gradient of strength * (sum of log losses) + |W|^2 / 2 is zero, the bias free."""
    weight, bias = array(layer.weight), array(layer.bias)
    error = softmax(x @ weight.T + bias) - np.eye(len(weight))[labels]
    np.testing.assert_allclose(weight + strength * error.T @ x, 0, atol=2e-3 * max(1.0, strength))
    np.testing.assert_allclose(strength * error.sum(0), 0, atol=2e-3 * max(1.0, strength))
