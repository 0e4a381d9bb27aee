"""How many optimiser steps a cell may take: what `--recipe` and `--quick` say, else what the task says."""

from __future__ import annotations

import re

from bench.errors import UsageError
from bench.store.record import RECIPE
from tasks.base import Budget

QUICK_BUDGET = Budget(head_steps=100, prompt_steps=50, encoder_steps=16, stretch=20.0)  # of a quick cell on any task


def parse_recipe(text: str) -> str:
    """`capped`, `paper` or `steps=N`. Raises UsageError."""
    recipe = text.strip()
    if re.match(RECIPE, recipe) is None:
        raise UsageError(f"can't read recipe {text!r}: write capped, paper, or steps=N for at most N steps")
    return recipe


def budget(recipe: str, quick: bool, task: Budget | None) -> Budget | None:
    """The cap on every family of methods, None for as many steps as each recipe asks for.

    `steps=N` keeps published learning rates; the caps of quick cells and of bundled tasks bring their own stretch.
    """
    if recipe == "paper":
        return None
    if recipe.startswith("steps="):
        steps = int(recipe.removeprefix("steps="))
        return Budget(head_steps=steps, prompt_steps=steps, encoder_steps=steps)
    return QUICK_BUDGET if quick else task
