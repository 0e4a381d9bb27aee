"""LilT's partial unfreezing: the last blocks, final norms and projections train."""

from __future__ import annotations

import pytest

from bench.backbone import Backbone, Clip
from methods.base import NotApplicable
from methods.lilt_partial import LiltPartial
from tests.methods.encoders import NORMS, edited_anew, start, within
from tests.methods.recipes import SHOTS, lilt
from tests.methods.stated import check_counts, check_refused, check_rows, on_lilts_towers, trains
from tests.methods.towers import by_hand, check, check_moves

HEADS = within("image.stages.4", "text.stages.3")
LAST = HEADS | within("image.stages.3", "text.stages.2")


@pytest.mark.parametrize("kind", ["classification", "pair", "retrieval"])
def test_the_last_block_and_the_head_of_each_tower_move_and_nothing_else(shaken: Clip, kind: str) -> None:
    check_moves(LiltPartial(), shaken, LAST, kind)


@pytest.mark.parametrize(
    ("blocks", "ln", "names"),
    [(0, False, HEADS), (1, True, LAST | NORMS), (2, False, LAST | within("image.stages.2", "text.stages.1"))],
)
def test_more_blocks_or_fewer_and_all_norms(shaken: Clip, blocks: int, ln: bool, names: set[str]) -> None:
    check_moves(LiltPartial(LiltPartial.Params(blocks=blocks, ln=ln)), shaken, names, "retrieval")


@pytest.mark.parametrize(("ln", "cuts"), [(False, (3, 2)), (True, (0, 1))])
def test_below_the_last_block_everything_is_frozen_unless_norms_train(clip: Clip, ln: bool, cuts: tuple[int, int]) -> None:
    changed, _, edit = edited_anew(LiltPartial(LiltPartial.Params(ln=ln)), clip, "retrieval")
    changed.train_only(list(edit.trains))
    assert (changed.image.cut(), changed.text.cut()) == cuts


def test_it_starts_at_zero_shot(shaken: Clip) -> None:
    plain = by_hand(shaken)
    LiltPartial().adapt(shaken, start())
    assert LiltPartial.starts_at_zero_shot
    check(shaken, plain)


def test_counts(vit: Backbone) -> None:
    check_counts(
        vit, LiltPartial, trains(10_898_176), trains(21_138_432, params="blocks=2"), trains(10_956_032, params="ln=true")
    )


def test_the_papers_counts(deit_bert: Backbone) -> None:
    check_counts(deit_bert, LiltPartial, on_lilts_towers(14_571_009), on_lilts_towers(14_640_129, params="ln=true"))


@pytest.mark.parametrize("shots", SHOTS)
def test_recipe(shots: int) -> None:
    assert LiltPartial().recipe(start(shots)) == lilt(shots)


def test_its_rows_of_lilts_table() -> None:
    check_rows("lilt", LiltPartial, "lilt-partial", "lilt-partial[ln=true]")


def test_refused_values(clip: Clip) -> None:
    check_refused("lilt-partial[blocks=-1]", "blocks must not be negative")
    with pytest.raises(NotApplicable, match="a tower has only 2"):
        LiltPartial(LiltPartial.Params(blocks=3)).adapt(clip, start())
