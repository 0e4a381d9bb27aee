"""Recipes that several papers share, typed out; what they leave away is pinned in tests/methods/contract/test_recipe.py."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from methods.base import Recipe

SHOTS = (1, 2, 4, 8, 16)


def common(shots: int, **changes: Any) -> Recipe:
    """The default inside the encoder."""
    return Recipe(
        **{
            **{"optimiser": "adamw", "lr": 2e-4, "weight_decay": 1e-2, "eps": 1e-8, "batch": 32, "steps": 300 * shots},
            **{"schedule": "cosine", "final_lr": 1e-6},
            **changes,
        }
    )


def lilt(shots: int, **changes: Any) -> Recipe:
    """LilT's, on towers that have met."""
    return common(shots, temperature=(0.001, 0.5), **changes)


def strong(shots: int, **changes: Any) -> Recipe:
    """Full fine-tuning: the head at ten times the rate inside the encoder, a tenth of the run as warm-up from 0."""
    return Recipe(
        **{
            **{"optimiser": "adamw", "lr": 1e-5, "head_lr": 1e-4, "weight_decay": 0.1, "batch": 32, "steps": 300 * shots},
            **{"schedule": "cosine", "final_lr": 0.0, "warmup": 0.1, "warmup_lr": 0.0, "clip_gradient": 1.0},
            **changes,
        }
    )


def dassl(lr: float, batch: int, epochs: int, **changes: Any) -> Recipe:
    """CoOp's loop, which most later repositories keep."""
    recipe = Recipe(
        optimiser="sgd",
        lr=lr,
        momentum=0.9,
        weight_decay=5e-4,
        batch=batch,
        drop_last=True,
        epochs=epochs,
        schedule="cosine",
        final_lr=0.0,
        stairs=True,
        warmup_epochs=1,
        warmup_lr=1e-5,
    )
    return replace(recipe, **changes)


def xtremeclip(lr: float = 2e-3, epochs: int = 200) -> Recipe:
    return Recipe(optimiser="adamw", lr=lr, eps=1e-4, weight_decay=0.01, batch=16, epochs=epochs, schedule="cosine", final_lr=0.0)
