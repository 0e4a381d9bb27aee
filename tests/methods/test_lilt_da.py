"""LilT-DA: a random block on top of each tower, in plain numpy."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from bench.backbone import Backbone, Clip
from bench.backbone.blocks import LayerScale
from methods.lilt_da import LiltDA, randomised
from tests.methods.encoders import NORMS, PROJECTIONS, TEMPERATURE, edited_anew, names_that_train, start, within
from tests.methods.recipes import SHOTS, lilt
from tests.methods.stated import check_counts, check_refused, check_rows, on_lilts_towers, trains
from tests.methods.towers import by_hand, check

NEW = ("image.stages.4.", "text.stages.3.")  # where the heads stood
ALWAYS = {"image.stages.5.proj", "text.stages.4.text_projection"} | TEMPERATURE
FINAL = {"image.stages.5.ln_post.weight", "image.stages.5.ln_post.bias"}


def test_a_random_block_stands_on_top_of_each_tower(shaken: Clip) -> None:
    edited = copy.deepcopy(shaken)
    torch.manual_seed(0)
    LiltDA().adapt(edited, start())
    assert (len(edited.image.blocks), len(edited.text.blocks)) == (4, 3)
    added = (edited.image.blocks[-1], edited.text.blocks[-1])
    for block in added:
        for name, parameter in block.named_parameters():
            if parameter.ndim == 2:
                assert float(parameter.detach().std()) == pytest.approx(0.02, rel=0.15)
            else:
                assert torch.equal(parameter, torch.full_like(parameter, float(name in ("ln_1.weight", "ln_2.weight"))))
    check(edited, by_hand(shaken, extra=added))
    for parameter in [parameter for block in added for parameter in block.parameters()]:
        nn.init.normal_(parameter, std=0.3)
    check(edited, by_hand(shaken, extra=added))


@pytest.mark.parametrize("ln", [False, True])
def test_what_trains(clip: Clip, ln: bool) -> None:
    names = names_that_train(LiltDA(LiltDA.Params(ln=ln)), clip, "retrieval")
    block = {name.removeprefix("image.stages.1.") for name in within("image.stages.1.")}
    expected = {prefix + part for prefix in NEW for part in block} | ALWAYS | FINAL
    if ln:
        below = {name for name in NORMS if not name.startswith(("image.stages.4", "text.stages.3"))}
        expected |= below | {"text.stages.4.ln_final.weight", "text.stages.4.ln_final.bias"}
    assert names == expected
    assert len(PROJECTIONS | TEMPERATURE) == len(ALWAYS)


def test_below_the_new_block_everything_is_frozen(clip: Clip) -> None:
    changed, _, edit = edited_anew(LiltDA(), clip, "retrieval")
    changed.train_only(list(edit.trains))
    assert (changed.image.cut(), changed.text.cut()) == (4, 3)


def test_a_new_block_keeps_nothing_of_the_one_that_it_is_copied_from() -> None:
    """Linears, norms and layer scales alike: the last block's trained scales aren't fresh weights."""
    block = nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4), LayerScale(nn.Parameter(torch.full((4,), 0.3))))
    trained = {name: value.detach().fill_(0.3).clone() for name, value in block.named_parameters()}
    randomised(block)
    assert not [name for name, value in block.named_parameters() if torch.equal(value, trained[name])]


def test_it_does_not_start_at_zero_shot() -> None:
    assert not LiltDA.starts_at_zero_shot


def test_counts(vit: Backbone) -> None:
    check_counts(vit, LiltDA, trains(10_897_153), trains(10_961_153, params="ln=true"))


def test_the_papers_counts(deit_bert: Backbone) -> None:
    check_counts(deit_bert, LiltDA, on_lilts_towers(14_571_009), on_lilts_towers(14_646_273, params="ln=true"))


@pytest.mark.parametrize("shots", SHOTS)
def test_recipe(shots: int) -> None:
    assert LiltDA().recipe(start(shots)) == lilt(shots)


def test_its_rows_of_lilts_table() -> None:
    check_rows("lilt", LiltDA, "lilt-da", "lilt-da[ln=true]")


def test_refused_values() -> None:
    check_refused("lilt-da[ln=maybe]", "true or false")
