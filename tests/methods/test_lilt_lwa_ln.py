"""LilT-LwA with the norms: layer-wise adapters and moved norms in plain numpy."""

from __future__ import annotations

import pytest

from bench.backbone import Backbone, Clip
from methods.lilt_lwa_ln import LiltLwALN
from tests.methods.encoders import NORMS, PROJECTIONS, TEMPERATURE, edited_anew, names_that_train, replaced, start
from tests.methods.recipes import SHOTS, lilt
from tests.methods.stated import check_counts, check_rows, on_lilts_towers, trains
from tests.methods.towers import Places, bottlenecks, by_hand, check, in_pairs

WRAPPED = {f"image.stages.{stage}.{norm}." for stage in (1, 2, 3) for norm in ("ln_1", "ln_2")}  # an adapter before each


def plain_name(name: str) -> str:
    """As the norm is called where no adapter precedes it."""
    prefix = name.rpartition(".")[0].removesuffix("1") if ".1." in name else name
    return prefix + name.rpartition(".")[2] if prefix in WRAPPED else name


def test_adapters_and_norms_move(shaken: Clip) -> None:
    edited, drawn, _ = edited_anew(LiltLwALN(), shaken)
    own = {plain_name(name): value for name, value in drawn.items() if plain_name(name) in NORMS | PROJECTIONS}
    assert set(own) == NORMS | PROJECTIONS
    adapters = {name: value for name, value in drawn.items() if "down" in name or "up" in name}
    assert len(adapters) + len(own) + len(TEMPERATURE) == len(drawn)
    found = in_pairs(bottlenecks(adapters))
    assert len(found) == 5
    places = [Places(before=pair) for pair in found[:3]], [Places(after=pair) for pair in found[3:]]
    check(edited, by_hand(replaced(shaken, own), *places))


def test_the_temperature_trains_and_it_does_not_start_at_zero_shot(clip: Clip) -> None:
    assert names_that_train(LiltLwALN(), clip, "retrieval") >= TEMPERATURE
    assert not LiltLwALN.starts_at_zero_shot


def test_counts(vit: Backbone) -> None:
    check_counts(vit, LiltLwALN, trains(10_982_913))


def test_the_papers_count(deit_bert: Backbone) -> None:
    check_counts(deit_bert, LiltLwALN, on_lilts_towers(14_672_385))


@pytest.mark.parametrize("shots", SHOTS)
def test_recipe(shots: int) -> None:
    assert LiltLwALN().recipe(start(shots)) == lilt(shots)


def test_its_rows_of_lilts_table() -> None:
    check_rows("lilt", LiltLwALN, "lilt-lwa-ln")
