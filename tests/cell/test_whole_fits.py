"""Whole fits against plain numpy: the loop that the authors' programs share, on a case small enough to follow.

What is drawn (order, crops) is taken from the same generator; all else, gradients, optimisers and rates, is written out.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from bench.cell.fitting.head import HeadFitting
from bench.plan.episode import Episode
from methods.base import HeadMethod, Support
from methods.clap import CLAP, strengths
from methods.taskres import TaskRes
from methods.zs_linear_probe import ZeroShotLinearProbe
from tests.methods.heads import CLASSES, SCALE, array, random_support, softmax, unit

SEED = 7


def support(views: int) -> Support:
    """Class texts ten times as long as wide: where their length counts, it shows."""
    drawn = random_support(views=views)
    texts = drawn.features.candidates_raw
    assert texts is not None
    return dataclasses.replace(drawn, features=dataclasses.replace(drawn.features, candidates_raw=10 * texts))


def fitted(method: HeadMethod, views: int) -> Any:
    frozen: Any = SimpleNamespace(device="cpu")
    fitting = HeadFitting(method, frozen, Episode(4, SEED, ()))
    fitting._support = support(views)
    fitting.build()
    fitting.train()
    return fitting.module


def rates(lr: float, epochs: int) -> Iterator[float]:
    """An epoch at 1e-5, then a cosine per epoch that has not been counting yet."""
    yield 1e-5
    for epoch in range(epochs - 1):
        yield lr * (1 + math.cos(math.pi * epoch / epochs)) / 2


def gradient(f: np.ndarray, y: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Of the cross-entropy of tau f . t / |t| in t [C, d]; unit images [B, d], labels [B]."""
    length = np.linalg.norm(t, axis=1, keepdims=True)
    u = t / length
    error = (softmax(SCALE * f @ u.T) - np.eye(CLASSES)[y]) / len(f)
    by_direction = SCALE * error.T @ f
    along: np.ndarray = (by_direction - (by_direction * u).sum(1, keepdims=True) * u) / length
    return along


def test_taskres() -> None:
    views, epochs, given = 3, 100, support(3)
    f, y, t = unit(given.views_raw), given.labels.numpy(), array(given.features.candidates_raw)
    random = torch.Generator().manual_seed(SEED)
    x, first, second = np.zeros_like(t), np.zeros_like(t), np.zeros_like(t)
    for step, rate in enumerate(rates(2e-3, epochs), start=1):
        rows = torch.randperm(len(y), generator=random).numpy()
        crops = torch.randint(views, (len(y),), generator=random).numpy()
        slope = 0.5 * gradient(f[rows, crops], y[rows], t + 0.5 * x) + 5e-4 * x
        first, second = 0.9 * first + 0.1 * slope, 0.999 * second + 0.001 * slope**2
        x = x - rate * (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.999**step)) + 1e-8)
    head = fitted(TaskRes(), views)
    assert np.abs(x).max() > 0.05
    np.testing.assert_allclose(array(head.residual), x, rtol=1e-3, atol=1e-4)


def by_sgd(views: int, pull: np.ndarray) -> np.ndarray:
    """The weights of the zero-shot initialised probe, held at the texts by `pull` [C]."""
    given = support(views)
    f, y, t = unit(given.views_raw), given.labels.numpy(), array(given.features.candidates_raw)
    random = torch.Generator().manual_seed(SEED)
    w, speed = t.copy(), np.zeros_like(t)
    for rate in rates(0.1, 300):  # 36 views are fewer than a batch: each step sees all
        rows = torch.randperm(len(y) * views, generator=random).numpy()
        slope = gradient(f[rows // views, rows % views], y[rows // views], w) + 2 * pull[:, None] * (w - t) / CLASSES
        speed = 0.9 * speed + slope
        w = w - rate * speed
    return w


def test_the_zero_shot_initialised_probe() -> None:
    expected = by_sgd(3, np.zeros(CLASSES))
    np.testing.assert_allclose(array(fitted(ZeroShotLinearProbe(), 3).weight), expected, rtol=1e-3, atol=1e-3)


def test_clap() -> None:
    pull = array(strengths(support(3)))
    expected = by_sgd(3, pull)
    head = fitted(CLAP(), 3)
    np.testing.assert_allclose(array(head.weight), expected, rtol=1e-3, atol=1e-3)
    free = array(fitted(ZeroShotLinearProbe(), 3).weight)
    texts = array(support(3).features.candidates_raw)
    assert np.linalg.norm(expected - texts) < 0.9 * np.linalg.norm(free - texts)
