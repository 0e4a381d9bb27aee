"""LoRA: the scaled product of two thin matrices beside the attention's linears, in plain numpy."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from torch import nn

from bench.backbone import Backbone, Clip
from methods.lora import LoRA
from tests.methods.encoders import INSIDE, edited_anew, names_that_train, replaced, start
from tests.methods.recipes import SHOTS, common
from tests.methods.stated import check_counts, check_refused, check_rows, trains
from tests.methods.towers import PIXELS, by_hand, check


@pytest.mark.parametrize(("r", "alpha", "where"), [(2, 1.0, "qkv"), (3, 2.0, "qkvo"), (4, 1.0, "o")])
def test_it_adds_the_scaled_product_to_the_weight(shaken: Clip, r: int, alpha: float, where: str) -> None:
    edited, drawn, _ = edited_anew(LoRA(LoRA.Params(r=r, alpha=alpha, where=where)), shaken)
    assert len(drawn) == 2 * len(where) * 5
    plain, moved = dict(shaken.named_parameters()), {}
    for name, a in drawn.items():
        if name.endswith("lora_A"):
            linear = name.removesuffix(".lora_A")
            update = alpha / math.sqrt(r) * drawn[f"{linear}.lora_B"] @ a
            moved[f"{linear}.weight"] = plain[f"{linear}.weight"] + update
    check(edited, by_hand(replaced(shaken, moved)))


def test_it_starts_at_zero_shot_in_training_too(shaken: Clip) -> None:
    edited = copy.deepcopy(shaken)
    trained = list(LoRA(LoRA.Params(r=3)).adapt(edited, start()).trains)
    for a, b in zip(trained[0::2], trained[1::2], strict=True):
        assert a.shape == (3, 32) and 0.5 / math.sqrt(32) < float(a.detach().abs().max()) <= 1 / math.sqrt(32)
        assert b.shape == (32, 3) and not b.any()
    check(edited, by_hand(shaken))
    edited.train()
    torch.testing.assert_close(edited.image(PIXELS), shaken.image(PIXELS), rtol=1e-4, atol=1e-4)
    assert LoRA.starts_at_zero_shot


def test_in_training_a_quarter_of_what_the_update_sees_is_dropped(clip: Clip) -> None:
    wrapped = LoRA(LoRA.Params(r=1)).wrap(nn.Linear(2_000, 3))
    nn.init.ones_(wrapped.lora_A)
    nn.init.ones_(wrapped.lora_B)
    x = torch.ones(1, 2_000)
    torch.manual_seed(0)
    wrapped.train()
    update = (wrapped(x) - nn.functional.linear(x, wrapped.weight, wrapped.bias)).squeeze()
    kept = update.detach() * 0.75 / 2_000  # what is kept is scaled up by as much
    assert kept.tolist() == pytest.approx([float(kept[0])] * 3, rel=1e-3) and float(kept[0]) == pytest.approx(0.75, abs=0.04)


def test_counts(vit: Backbone) -> None:
    check_counts(vit, LoRA, trains(184_320), trains(491_520, params="r=4,where=qkvo"))


@pytest.mark.parametrize("kind", ["classification", "pair", "retrieval"])
def test_what_trains(clip: Clip, kind: str) -> None:
    expected = {f"{block}.attn.{part}.lora_{matrix}" for block in INSIDE for part in "qkv" for matrix in "AB"}
    assert names_that_train(LoRA(), clip, kind) == expected


@pytest.mark.parametrize("shots", SHOTS)
def test_recipe(shots: int) -> None:
    assert LoRA().recipe(start(shots)) == common(shots, steps=500 * shots)


def test_it_trains_on_flipped_crops_of_any_size() -> None:
    views = LoRA().views("classification")
    assert views.count > 1 and views.smallest_crop == 0.08 and views.flip


def test_it_stands_beside_lilts_table() -> None:
    check_rows("lilt", LoRA, "lora")


@pytest.mark.parametrize(("text", "message"), [("r=0", "r must be at least 1"), ("where=qx", "letters out of qkvo, got 'qx'")])
def test_refused_values(text: str, message: str) -> None:
    check_refused(f"lora[{text}]", message)
