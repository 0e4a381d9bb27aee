"""What a recipe says where it says nothing, how long it is, and what it refuses."""

from __future__ import annotations

import dataclasses
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from methods.contract.recipe import Recipe, Views


def test_defaults_that_recipes_of_methods_leave_away() -> None:
    """The recipes in the methods' tests are compared as a whole, so what they don't name stands here."""
    assert dataclasses.asdict(Recipe()) == {
        "optimiser": "adamw",
        "lr": 2e-4,
        "batch": 32,
        "drop_last": False,
        "steps": None,
        "epochs": None,
        "weight_decay": 1e-2,
        "decay_vectors": True,
        "momentum": 0.9,
        "eps": 1e-8,
        "schedule": "cosine",
        "stairs": False,
        "final_lr": 0.0,
        "warmup": 0.0,
        "warmup_stairs": None,
        "warmup_epochs": 0,
        "warmup_lr": 0.0,
        "clip_gradient": None,
        "head_lr": None,
        "average": None,
        "temperature": None,
    }
    assert dataclasses.asdict(Views()) == {"count": 0, "smallest_crop": 0.08, "flip": True, "squash": False}


@given(st.integers(1, 1000), st.integers(1, 300), st.integers(1, 50))
def test_an_epoch_shows_every_example_once(examples: int, batch: int, epochs: int) -> None:
    recipe = Recipe(batch=batch, epochs=epochs)
    assert recipe.steps_per_epoch(examples) == len(range(0, examples, batch)) == math.ceil(examples / batch)
    assert recipe.length(examples) == epochs * recipe.steps_per_epoch(examples)
    assert Recipe(batch=batch, steps=17, epochs=epochs).length(examples) == 17


@given(st.integers(1, 1000), st.integers(1, 300))
def test_a_short_last_batch_may_be_left_out_unless_it_is_the_only_one(examples: int, batch: int) -> None:
    whole = [start for start in range(0, examples, batch) if start + batch <= examples]
    assert Recipe(batch=batch, epochs=1, drop_last=True).steps_per_epoch(examples) == max(1, len(whole))


@pytest.mark.parametrize(("lr", "batch"), [(0.0, 32), (-1.0, 32), (1e-3, 0)])
def test_refused_values(lr: float, batch: int) -> None:
    with pytest.raises(ValueError, match="a learning rate above 0 and a batch of at least 1"):
        Recipe(lr=lr, batch=batch)
