"""LayerNorm tuning: every norm trains, and the towers compute with what becomes of them."""

from __future__ import annotations

import pytest
from torch import nn

from bench.backbone import Backbone, Clip
from methods.base import NotApplicable
from methods.layernorm import LayerNormTuning
from tests.methods.encoders import NORMS, start
from tests.methods.recipes import SHOTS, common
from tests.methods.stated import check_counts, trains
from tests.methods.towers import by_hand, check, check_moves


@pytest.mark.parametrize("kind", ["classification", "pair", "retrieval"])
def test_every_norm_moves_and_nothing_else(shaken: Clip, kind: str) -> None:
    check_moves(LayerNormTuning(), shaken, NORMS, kind)


def test_it_starts_at_zero_shot(shaken: Clip) -> None:
    plain = by_hand(shaken)
    LayerNormTuning().adapt(shaken, start())
    assert LayerNormTuning.starts_at_zero_shot
    check(shaken, plain)


def test_counts(vit: Backbone) -> None:
    check_counts(vit, LayerNormTuning, trains(65_536))


@pytest.mark.parametrize("shots", SHOTS)
def test_recipe(shots: int) -> None:
    assert LayerNormTuning().recipe(start(shots)) == common(shots)


def test_a_tower_without_norms_has_nothing_to_tune(clip: Clip) -> None:
    for stage in clip.text.stages:
        for module in list(stage.modules()):
            for name, child in module.named_children():
                if isinstance(child, nn.LayerNorm):
                    setattr(module, name, nn.Identity())
    with pytest.raises(NotApplicable, match="open_clip text has no LayerNorm"):
        LayerNormTuning().adapt(clip, start())
