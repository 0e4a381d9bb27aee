"""LilT-LN: every norm, both projections and the temperature train."""

from __future__ import annotations

import pytest

from bench.backbone import Backbone, Clip
from methods.lilt_ln import LiltLN
from tests.methods.encoders import NORMS, PROJECTIONS, TEMPERATURE, start
from tests.methods.recipes import SHOTS, lilt
from tests.methods.stated import check_counts, check_refused, check_rows, on_lilts_towers, trains
from tests.methods.towers import by_hand, check, check_moves


@pytest.mark.parametrize("kind", ["classification", "pair", "retrieval"])
def test_norms_projections_and_temperature_move_and_nothing_else(shaken: Clip, kind: str) -> None:
    check_moves(LiltLN(), shaken, NORMS | PROJECTIONS | TEMPERATURE, kind)


def test_it_starts_at_zero_shot(shaken: Clip) -> None:
    plain = by_hand(shaken)
    LiltLN().adapt(shaken, start())
    assert LiltLN.starts_at_zero_shot
    check(shaken, plain)


def test_counts(vit: Backbone) -> None:
    check_counts(vit, LiltLN, trains(720_897))


def test_the_papers_count(deit_bert: Backbone) -> None:
    check_counts(deit_bert, LiltLN, on_lilts_towers(470_529))


@pytest.mark.parametrize("shots", SHOTS)
def test_recipe(shots: int) -> None:
    assert LiltLN().recipe(start(shots)) == lilt(shots)


def test_its_rows_of_lilts_table() -> None:
    check_rows("lilt", LiltLN, "lilt-ln")


@pytest.mark.parametrize("text", ["layers=3", "batch=64", "negatives=local", "chunk=8"])
def test_refused_values(text: str) -> None:
    check_refused(f"lilt-ln[{text}]", "unknown parameter")  # the last three belong to --recipe
