"""Adapters behind attention and MLP, in plain numpy."""

from __future__ import annotations

import copy

import pytest

from bench.backbone import Backbone, Clip
from methods.adapter import Adapter
from tests.methods.encoders import INSIDE, edited_anew, names_that_train, start
from tests.methods.recipes import SHOTS, common
from tests.methods.stated import check_counts, check_refused, trains
from tests.methods.towers import Places, bottlenecks, by_hand, check, in_pairs


def test_they_sit_behind_attention_and_mlp_inside_the_residual_branch(shaken: Clip) -> None:
    edited, drawn, _ = edited_anew(Adapter(Adapter.Params(width=5)), shaken)
    places = [Places(after=pair) for pair in in_pairs(bottlenecks(drawn))]
    assert len(places) == 5
    check(edited, by_hand(shaken, places[:3], places[3:]))


def test_they_start_at_zero_shot(shaken: Clip) -> None:
    edited = copy.deepcopy(shaken)
    trained = list(Adapter(Adapter.Params(width=5)).adapt(edited, start()).trains)
    check(edited, by_hand(shaken))
    assert Adapter.starts_at_zero_shot
    for down, down_bias, up, up_bias in zip(*(trained[first::4] for first in range(4)), strict=True):
        assert float(down.detach().std()) == pytest.approx(0.02, rel=0.3)
        assert not (down_bias.any() or up.any() or up_bias.any())


def test_counts(vit: Backbone) -> None:
    check_counts(vit, Adapter, trains(3_965_952))


def test_what_trains(clip: Clip) -> None:
    expected = {
        f"{block}.{place}.1.{layer}.{part}"
        for block in INSIDE
        for place in ("attn.out", "mlp")
        for layer in ("down", "up")
        for part in ("weight", "bias")
    }
    assert names_that_train(Adapter(), clip) == expected


@pytest.mark.parametrize("shots", SHOTS)
def test_recipe(shots: int) -> None:
    assert Adapter().recipe(start(shots)) == common(shots)


def test_refused_values() -> None:
    check_refused("adapter[width=0]", "width must be at least 1")
