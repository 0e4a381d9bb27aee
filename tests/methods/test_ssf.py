"""SSF: a scale and a shift after every linear and every norm of the blocks, in plain numpy."""

from __future__ import annotations

import copy

import pytest

from bench.backbone import Backbone, Clip
from methods.ssf import SSF
from tests.methods.encoders import INSIDE, LINEARS, edited_anew, names_that_train, start
from tests.methods.heads import array
from tests.methods.recipes import SHOTS, common
from tests.methods.stated import check_counts, trains
from tests.methods.towers import Function, Places, by_hand, check

PARTS = ("ln_1", "attn.q", "attn.k", "attn.v", "attn.out", "ln_2", "mlp.c_fc", "mlp.c_proj")


def test_each_linear_and_each_norm_of_a_block_is_scaled_and_shifted(shaken: Clip) -> None:
    edited, drawn, _ = edited_anew(SSF(), shaken, std=0.7)

    def follow(module: str) -> Function:
        gamma, beta = (array(drawn[f"{module}.1.{name}"]) for name in ("gamma", "beta"))
        return lambda z: gamma * z + beta

    def places(tower: str, blocks: int) -> list[Places]:
        stages = [f"{tower}.stages.{stage}" for stage in range(1, blocks + 1)]
        return [Places(named={part: follow(f"{stage}.{part}") for part in PARTS}) for stage in stages]

    check(edited, by_hand(shaken, places("image", 3), places("text", 2)))


def test_it_starts_at_zero_shot(shaken: Clip) -> None:
    edited = copy.deepcopy(shaken)
    trained = list(SSF().adapt(edited, start()).trains)
    assert all(bool((gamma == 1).all()) and not beta.any() for gamma, beta in zip(trained[0::2], trained[1::2], strict=True))
    check(edited, by_hand(shaken))
    assert SSF.starts_at_zero_shot


def test_counts(vit: Backbone) -> None:
    check_counts(vit, SSF, trains(337_920))


@pytest.mark.parametrize("kind", ["classification", "pair", "retrieval"])
def test_what_trains(clip: Clip, kind: str) -> None:
    norms = {f"{block}.{norm}" for block in INSIDE for norm in ("ln_1", "ln_2")}
    expected = {f"{module}.1.{name}" for module in LINEARS | norms for name in ("gamma", "beta")}
    assert names_that_train(SSF(), clip, kind) == expected


@pytest.mark.parametrize("shots", SHOTS)
def test_recipe(shots: int) -> None:
    assert SSF().recipe(start(shots)) == common(shots)
