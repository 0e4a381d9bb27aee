"""LiT: a tower is locked but for its projection; the other, the projections and the temperature train."""

from __future__ import annotations

from typing import Any

import pytest

from bench.backbone import Backbone, Clip
from methods.lit import LiT
from tests.methods.encoders import PROJECTIONS, TEMPERATURE, edited_anew, start, within
from tests.methods.recipes import SHOTS, lilt
from tests.methods.stated import check_counts, check_refused, check_rows, on_lilts_towers, trains
from tests.methods.towers import by_hand, check, check_moves


@pytest.mark.parametrize(("lock", "inside"), [("image", within("text.")), ("text", within("image.")), ("both", set())])
@pytest.mark.parametrize("kind", ["classification", "retrieval"])
def test_what_is_not_locked_moves_and_nothing_else(shaken: Clip, lock: Any, inside: set[str], kind: str) -> None:
    check_moves(LiT(LiT.Params(lock=lock)), shaken, inside | PROJECTIONS | TEMPERATURE, kind)


@pytest.mark.parametrize(("lock", "cuts"), [("image", (4, 0)), ("text", (0, 3)), ("both", (4, 3))])
def test_a_locked_tower_is_frozen_up_to_its_head(clip: Clip, lock: Any, cuts: tuple[int, int]) -> None:
    changed, _, edit = edited_anew(LiT(LiT.Params(lock=lock)), clip, "retrieval")
    changed.train_only(list(edit.trains))
    assert (changed.image.cut(), changed.text.cut()) == cuts


def test_it_starts_at_zero_shot(shaken: Clip) -> None:
    plain = by_hand(shaken)
    LiT().adapt(shaken, start())
    assert LiT.starts_at_zero_shot
    check(shaken, plain)


def test_counts(vit: Backbone) -> None:
    check_counts(vit, LiT, trains(63_821_313), trains(86_454_785, params="lock=text"), trains(655_361, params="lock=both"))


def test_the_papers_counts(deit_bert: Backbone) -> None:
    check_counts(
        deit_bert,
        LiT,
        on_lilts_towers(109_283_841),
        on_lilts_towers(86_238_465, params="lock=text"),
        on_lilts_towers(393_729, params="lock=both"),
    )


@pytest.mark.parametrize("shots", SHOTS)
def test_recipe(shots: int) -> None:
    assert LiT().recipe(start(shots)) == lilt(shots)


def test_its_rows_of_lilts_table() -> None:
    check_rows("lilt", LiT, "lit", "lit[lock=text]", "lit[lock=both]")


def test_refused_values() -> None:
    check_refused("lit[lock=txt]", "did you mean text")
