"""The family of LilT: its recipe by the published numbers, its group, and parameters that raise instead of doing nothing."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from bench.api import resolve_methods
from bench.backbone.blocks import LayerScale
from bench.cell.train import rate
from bench.errors import UsageError
from bench.plan.registry import find_methods
from bench.spec import Named
from methods.lilt_da import randomised
from methods.parts.recipe import alignment

REGISTRY = find_methods()
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
    for step in range(0, total, 7):
        assert rate(recipe, step / total, 15) == pytest.approx(published(step), rel=1e-9), step


@pytest.mark.parametrize(("pairs", "batch", "steps"), [(256, 64, 2000), (4096, 64, 2048), (29_000, 453, 2015)])
def test_with_few_pairs_there_are_still_enough_steps(pairs: int, batch: int, steps: int) -> None:
    recipe = alignment(pairs)
    assert (recipe.batch, recipe.length(pairs)) == (batch, steps)


def test_the_group_stands_for_the_rows_of_the_table() -> None:
    named = resolve_methods("lilt,lora", REGISTRY)
    assert {str(one) for one in named} == {
        "lilt-ln", "lilt-bitfit", "lilt-lwa", "lilt-lwa-ln", "lilt-da", "lilt-da[ln=true]", "lilt-partial",
        "lilt-partial[ln=true]", "lit", "lit[lock=text]", "lit[lock=both]", "lora", "full", "scratch",
    }  # fmt: skip
    assert Named("wise-ft") not in named  # a subclass of `full` is in no group of its own accord


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("lilt-da[ln=maybe]", "true or false"),
        ("lit[lock=txt]", "did you mean text"),
        ("lilt-ln[negatives=gloabl]", "did you mean global"),
        ("lilt-ln[layers=3]", "unknown parameter"),
        ("lilt-lwa[batch=0]", "batch must be at least 1"),
        ("full[batch=64,negatives=local]", "with a batch of 64 it changes nothing"),
        ("lilt[r=4]", "unknown method"),
    ],
)
def test_an_unknown_value_raises(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        resolve_methods(text, REGISTRY)


@given(st.floats(1e-7, 1.0), st.integers(64, 100_000))
def test_at_any_rate_the_schedule_rises_to_it_and_falls_again(lr: float, pairs: int) -> None:
    recipe = alignment(pairs, lr)
    epochs = recipe.length(pairs) / recipe.steps_per_epoch(pairs)
    rates = [rate(recipe, step / 500, epochs) for step in range(500)]
    top = rates.index(max(rates))
    assert max(rates) <= lr * (1 + 1e-9)
    assert rates[: top + 1] == sorted(rates[: top + 1]) and rates[top:] == sorted(rates[top:], reverse=True)
    assert rates[0] == pytest.approx(lr / 10) and rates[-1] < lr / 5


@pytest.mark.parametrize("name", ["lilt-ln", "lilt-da", "lit", "lora", "full"])
def test_parameters_reach_the_recipe(name: str) -> None:
    method = REGISTRY.build(resolve_methods(f"{name}[lr=0.003,batch=256,negatives=local,chunk=32]", REGISTRY)[0])
    from tests.methods.test_recipes import start

    recipe = method.alignment(start(kind="retrieval"))  # type: ignore[attr-defined]
    assert (recipe.lr, recipe.batch, recipe.negatives, recipe.chunk) == (0.003, 256, 128, 32)
    assert method.recipe(start(kind="retrieval")).negatives == 128  # type: ignore[attr-defined]


def test_a_new_block_keeps_nothing_of_the_one_that_it_is_copied_from() -> None:
    """Linears, norms and layer scales alike: the last block's trained scales aren't fresh weights."""
    block = nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4), LayerScale(nn.Parameter(torch.full((4,), 0.3))))
    trained = {name: value.detach().fill_(0.3).clone() for name, value in block.named_parameters()}
    randomised(block)
    assert not [name for name, value in block.named_parameters() if torch.equal(value, trained[name])]
