"""LilT-BitFit: every bias, both projections and the temperature train."""

from __future__ import annotations

import pytest

from bench.backbone import Backbone, Clip
from methods.lilt_bitfit import LiltBitFit
from tests.methods.encoders import BIASES, PROJECTIONS, TEMPERATURE, start
from tests.methods.recipes import SHOTS, lilt
from tests.methods.stated import check_counts, check_rows, on_lilts_towers, trains
from tests.methods.towers import by_hand, check, check_moves


@pytest.mark.parametrize("kind", ["classification", "pair", "retrieval"])
def test_biases_projections_and_temperature_move_and_nothing_else(shaken: Clip, kind: str) -> None:
    check_moves(LiltBitFit(), shaken, BIASES | PROJECTIONS | TEMPERATURE, kind)


def test_it_starts_at_zero_shot(shaken: Clip) -> None:
    plain = by_hand(shaken)
    LiltBitFit().adapt(shaken, start())
    assert LiltBitFit.starts_at_zero_shot
    check(shaken, plain)


def test_counts(vit: Backbone) -> None:
    check_counts(vit, LiltBitFit, trains(826_369))


def test_the_papers_count(deit_bert: Backbone) -> None:
    check_counts(deit_bert, LiltBitFit, on_lilts_towers(598_785))


@pytest.mark.parametrize("shots", SHOTS)
def test_recipe(shots: int) -> None:
    assert LiltBitFit().recipe(start(shots)) == lilt(shots)


def test_its_rows_of_lilts_table() -> None:
    check_rows("lilt", LiltBitFit, "lilt-bitfit")
