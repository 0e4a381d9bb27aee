"""LilT's recipe for towers that have never met, by the published numbers."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.cell.train import rate
from methods.parts.alignment import DEVICE_BATCH, TEMPERATURE, alignment

COCO = 591_753
PER_EPOCH = 1156  # steps of 512


def published(step: int) -> float:
    """The rate at a step: 1,000 steps of warm-up in stairs of 100, then one rate per epoch."""
    if step < 1000:
        return 1e-5 + (1e-4 - 1e-5) * (step // 100) / 10
    return 1e-5 + 4.5e-5 * (1 + math.cos(math.pi * (step // PER_EPOCH) / 15))


def test_on_coco_the_schedule_is_the_published_one_at_every_step() -> None:
    recipe = alignment(COCO)
    total = recipe.length(COCO)
    assert (total, recipe.batch, recipe.weight_decay, recipe.decay_vectors) == (15 * PER_EPOCH, 512, 0.02, False)
    assert (recipe.optimiser, recipe.eps, recipe.clip_gradient, recipe.temperature) == ("adamw", 1e-8, None, (0.001, 0.5))
    for step in range(0, total, 7):
        assert rate(recipe, step / total, 15) == pytest.approx(published(step), rel=1e-9), step


@pytest.mark.parametrize(("pairs", "batch", "steps"), [(256, 64, 2000), (4096, 64, 2048), (29_000, 453, 2015)])
def test_with_few_pairs_there_are_still_enough_steps(pairs: int, batch: int, steps: int) -> None:
    recipe = alignment(pairs)
    assert (recipe.batch, recipe.length(pairs)) == (batch, steps)


@given(st.floats(1e-7, 1.0), st.integers(64, 100_000))
def test_at_any_rate_the_schedule_rises_to_it_and_falls_again(lr: float, pairs: int) -> None:
    recipe = alignment(pairs, lr)
    epochs = recipe.length(pairs) / recipe.steps_per_epoch(pairs)
    rates = [rate(recipe, step / 500, epochs) for step in range(500)]
    top = rates.index(max(rates))
    assert max(rates) <= lr * (1 + 1e-9)
    assert rates[: top + 1] == sorted(rates[: top + 1]) and rates[top:] == sorted(rates[top:], reverse=True)
    assert rates[0] == pytest.approx(lr / 10) and rates[-1] < lr / 5


@given(st.integers(64, 100_000), st.integers(1, 1024))
def test_a_batch_of_ones_own_keeps_epochs_and_steps(pairs: int, batch: int) -> None:
    recipe = alignment(pairs, 3e-3, batch)
    assert (recipe.lr, recipe.batch) == (3e-3, batch)
    assert recipe.final_lr == recipe.warmup_lr == pytest.approx(3e-4)
    assert recipe.epochs is not None and recipe.epochs >= 15 and recipe.length(pairs) >= 2000


def test_the_published_devices_and_bounds() -> None:
    assert DEVICE_BATCH == 128 and TEMPERATURE == (0.001, 0.5)
