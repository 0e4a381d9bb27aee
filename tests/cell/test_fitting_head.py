"""What a head sees of an image in training: itself, the mean of its views, a fresh one, or a pool of all."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from bench.cell.fitting.head import HeadFitting
from bench.plan.episode import Episode
from methods.base import CLASSIFICATION, Features, HeadMethod, Paper, Recipe, Support

EXAMPLES, VIEWS, EPOCHS = 6, 4, 60


class Watching(nn.Module):
    """Remembers which pictures it saw: image features are [example, view], a plain image's view is -1."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(2, 2))
        self.seen: list[np.ndarray] = []

    def forward(self, features: Features) -> Tensor:
        self.seen.append(features.image_raw.numpy())
        return features.image_raw @ self.weight


class Any2(HeadMethod):
    name, kinds, paper = "any", frozenset({CLASSIFICATION}), Paper("none", "none")

    def head(self, support: Support) -> nn.Module:
        return Watching()

    def recipe(self, support: Support) -> Recipe:
        return Recipe("sgd", 0.1, batch=EXAMPLES, epochs=EPOCHS)


def support(views: bool = True) -> Support:
    numbers = torch.arange(EXAMPLES, dtype=torch.float)
    plain = torch.stack([numbers, torch.full_like(numbers, -1)], 1)
    each = [torch.stack([numbers, torch.full_like(numbers, view)], 1) for view in range(VIEWS)]
    return Support(
        kind=CLASSIFICATION,
        task="any",
        shots=3,
        classes=2,
        features=Features(plain),
        labels=torch.arange(EXAMPLES) % 2,
        logit_scale=1.0,
        views_raw=torch.stack(each, 1) if views else None,
    )


def seen(how: Any, views: bool = True) -> tuple[HeadFitting, np.ndarray]:
    """[steps, B, 2]: example and view."""
    method = Any2()
    method.trains_on = how  # type: ignore[misc]
    frozen: Any = SimpleNamespace(device="cpu")
    fitting = HeadFitting(method, frozen, Episode(3, 1, tuple(range(EXAMPLES))))
    fitting._support = support(views)
    fitting.build()
    fitting.train()
    return fitting, np.stack(fitting.module.seen)


@pytest.mark.parametrize(("how", "views"), [("plain", True), ("fresh", False), ("pooled", False)])
def test_plain_images_and_where_there_are_no_views(how: str, views: bool) -> None:
    _, steps = seen(how, views)
    assert len(steps) == EPOCHS and (steps[..., 1] == -1).all()
    assert (np.sort(steps[..., 0], 1) == np.arange(EXAMPLES)).all()


def test_the_mean_of_views_is_of_unit_length() -> None:
    _, steps = seen("mean")
    means = support().views_raw.mean(1).numpy()  # type: ignore[union-attr]
    expected = means / np.linalg.norm(means, axis=1, keepdims=True)
    assert {tuple(row) for row in np.round(steps[0], 5)} == {tuple(row) for row in np.round(expected, 5)}


def test_a_fresh_view_of_every_image_in_each_epoch() -> None:
    _, steps = seen("fresh")
    assert (np.sort(steps[..., 0], 1) == np.arange(EXAMPLES)).all()
    for example in range(EXAMPLES):
        drawn = steps[steps[..., 0] == example][:, 1]
        shares = np.bincount(drawn.astype(int), minlength=VIEWS) / EPOCHS
        assert abs(shares - 1 / VIEWS).max() < 5 * np.sqrt(1 / VIEWS * (1 - 1 / VIEWS) / EPOCHS)
    _, again = seen("fresh")
    assert (steps == again).all()


def test_a_pool_of_all_views_makes_no_epoch_longer() -> None:
    fitting, steps = seen("pooled")
    assert len(steps) == EPOCHS and fitting.training is not None and fitting.training.batch == EXAMPLES
    pairs = {tuple(pair) for pair in steps.reshape(-1, 2)}
    assert pairs == {(example, view) for example in range(EXAMPLES) for view in range(VIEWS)}
    assert any(len(set(step[:, 0])) < EXAMPLES for step in steps)  # two views of one image in a batch
    assert all(len({tuple(pair) for pair in step}) == EXAMPLES for step in steps)
