"""AdaptFormer: bottlenecks beside the MLPs, in plain numpy."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import torch

from bench.backbone import Backbone, Clip
from methods.adaptformer import AdaptFormer, ParallelBottleneck
from tests.methods.encoders import INSIDE, edited_anew, names_that_train, start
from tests.methods.heads import array
from tests.methods.recipes import SHOTS, common
from tests.methods.stated import build, check_counts, check_refused, trains
from tests.methods.towers import Function, Places, by_hand, check


@pytest.mark.parametrize(("label", "scale"), [("adaptformer[width=5]", 0.1), ("adaptformer[width=5,scale=0.7]", 0.7)])
def test_they_take_what_comes_before_the_norm_and_are_added_to_the_branch(label: str, scale: float, shaken: Clip) -> None:
    edited, drawn, _ = edited_anew(build(label), shaken)  # type: ignore[arg-type]

    def beside(block: str) -> Function:
        names = ("down.weight", "down.bias", "up.weight", "up.bias")
        down, down_bias, up, up_bias = (array(drawn[f"{block}.beside.{name}"]) for name in names)
        return lambda x: scale * (np.maximum(x @ down.T + down_bias, 0) @ up.T + up_bias)

    image, text = ([f"{tower}.stages.{n}" for n in range(1, count + 1)] for tower, count in (("image", 3), ("text", 2)))
    check(edited, by_hand(shaken, [Places(beside=beside(b)) for b in image], [Places(beside=beside(b)) for b in text]))


def test_they_start_at_zero_shot(shaken: Clip) -> None:
    edited = copy.deepcopy(shaken)
    trained = list(AdaptFormer(AdaptFormer.Params(width=5)).adapt(edited, start()).trains)
    check(edited, by_hand(shaken))
    assert AdaptFormer.starts_at_zero_shot and len(trained) == 4 * 5
    for down, down_bias, up, up_bias in zip(*(trained[first::4] for first in range(4)), strict=True):
        assert float(down.detach().std()) == pytest.approx(1 / math.sqrt(3 * 32), rel=0.3)  # uniform within 1 / sqrt(W)
        assert not (down_bias.any() or up.any() or up_bias.any())


def test_a_tenth_of_the_inner_values_is_dropped_in_training() -> None:
    torch.manual_seed(0)
    layer = ParallelBottleneck(4, 2000, AdaptFormer().params.scale, AdaptFormer().params.dropout)
    torch.nn.init.ones_(layer.down.bias)
    torch.nn.init.ones_(layer.up.weight)
    x = torch.zeros(1, 4)
    assert array(layer.eval()(x))[0, 0] == pytest.approx(0.1 * 2000)
    kept = [array(layer.train()(x))[0, 0] * 0.9 / (0.1 * 2000) for _ in range(20)]
    assert np.std(kept) > 0
    assert np.mean(kept) == pytest.approx(0.9, abs=0.01)


def test_counts(vit: Backbone) -> None:
    check_counts(vit, AdaptFormer, trains(1_982_976))


@pytest.mark.parametrize("kind", ["classification", "pair", "retrieval"])
def test_what_trains(clip: Clip, kind: str) -> None:
    layers = {f"{block}.beside.{layer}" for block in INSIDE for layer in ("down", "up")}
    assert names_that_train(AdaptFormer(), clip, kind) == {f"{layer}.{part}" for layer in layers for part in ("weight", "bias")}


@pytest.mark.parametrize("shots", SHOTS)
def test_recipe(shots: int) -> None:
    assert AdaptFormer().recipe(start(shots)) == common(shots)


def test_refused_values() -> None:
    check_refused("adaptformer[width=0]", "width must be at least 1")
