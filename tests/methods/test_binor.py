"""BiNor: every bias and every norm trains, and the towers compute with what becomes of them."""

from __future__ import annotations

import pytest

from bench.backbone import Backbone, Clip
from methods.binor import BiNor
from tests.methods.encoders import BIASES, NORMS, start
from tests.methods.recipes import SHOTS, common
from tests.methods.stated import check_counts, trains
from tests.methods.towers import by_hand, check, check_moves


@pytest.mark.parametrize("kind", ["classification", "pair", "retrieval"])
def test_every_bias_and_every_norm_moves_and_nothing_else(shaken: Clip, kind: str) -> None:
    check_moves(BiNor(), shaken, BIASES | NORMS, kind)


def test_it_starts_at_zero_shot(shaken: Clip) -> None:
    plain = by_hand(shaken)
    BiNor().adapt(shaken, start())
    assert BiNor.starts_at_zero_shot
    check(shaken, plain)


def test_counts(vit: Backbone) -> None:
    check_counts(vit, BiNor, trains(203_776))


@pytest.mark.parametrize("shots", SHOTS)
def test_recipe(shots: int) -> None:
    assert BiNor().recipe(start(shots)) == common(shots)
