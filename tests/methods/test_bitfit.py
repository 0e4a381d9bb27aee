"""BitFit: every bias trains, and the towers compute with what becomes of them."""

from __future__ import annotations

import pytest

from bench.backbone import Backbone, Clip
from methods.bitfit import BitFit
from tests.methods.encoders import BIASES, start
from tests.methods.recipes import SHOTS, common
from tests.methods.stated import check_counts, trains
from tests.methods.towers import by_hand, check, check_moves


@pytest.mark.parametrize("kind", ["classification", "pair", "retrieval"])
def test_every_bias_moves_and_nothing_else(shaken: Clip, kind: str) -> None:
    check_moves(BitFit(), shaken, BIASES, kind)


def test_it_starts_at_zero_shot(shaken: Clip) -> None:
    plain = by_hand(shaken)
    BitFit().adapt(shaken, start())
    assert BitFit.starts_at_zero_shot
    check(shaken, plain)


def test_counts(vit: Backbone) -> None:
    check_counts(vit, BitFit, trains(171_008))


@pytest.mark.parametrize("shots", SHOTS)
def test_recipe(shots: int) -> None:
    assert BitFit().recipe(start(shots)) == common(shots)
