"""Full fine-tuning: what trains for each kind, and the heads that it trains along."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from bench.backbone import Backbone, Clip
from methods.full import Full
from tests.methods.encoders import TEMPERATURE, TOWERS, start, within
from tests.methods.heads import SCALE, WIDTH, array, close, unit
from tests.methods.recipes import SHOTS, strong
from tests.methods.stated import build, check_counts, check_refused, check_rows, on_lilts_towers, trains
from tests.methods.towers import check_moves

KINDS = {"classification": within("image."), "pair": TOWERS, "retrieval": TOWERS | TEMPERATURE}


@pytest.mark.parametrize("kind", KINDS)
def test_what_takes_part_in_the_score_moves_and_nothing_else(shaken: Clip, kind: str) -> None:
    check_moves(Full(), shaken, KINDS[kind], kind)


def test_a_classification_is_scored_by_a_head_that_starts_at_the_class_texts(clip: Clip) -> None:
    began = start()
    head: Any = Full().adapt(clip, began).head
    images = torch.randn(5, WIDTH, generator=torch.Generator().manual_seed(1))
    assert began.support is not None
    close(head(images, None), SCALE * unit(images) @ unit(began.support.features.candidates_raw).T)
    torch.manual_seed(0)
    nn.init.normal_(head.weight)
    close(head(images, None), SCALE * unit(images) @ array(head.weight).T)
    assert [name for name, _ in head.named_parameters()] == ["weight"] and Full.starts_at_zero_shot


def test_other_kinds_are_scored_their_own_way(clip: Clip) -> None:
    for kind in ("pair", "retrieval"):
        assert Full().adapt(clip, start(kind=kind)).head is None
    assert Full.reads_features == {"classification"}


def test_counts(vit: Backbone) -> None:
    check_counts(vit, Full, trains(86_197_760), trains(149_620_737, kind="retrieval"))


def test_the_papers_count(deit_bert: Backbone) -> None:
    check_counts(deit_bert, Full, on_lilts_towers(195_128_577))


@pytest.mark.parametrize("shots", SHOTS)
def test_recipe(shots: int) -> None:
    assert Full().recipe(start(shots)) == strong(shots)
    xtremeclip: Any = build("full[rates=xtremeclip]")
    assert xtremeclip.recipe(start(shots)) == strong(shots, lr=5e-7, head_lr=2e-3)


def test_a_rate_of_its_own_is_that_inside_the_encoder() -> None:
    slower: Any = build("full[lr=3e-6]")
    assert slower.recipe(start()) == strong(4, lr=3e-6)


def test_it_stands_beside_lilts_table() -> None:
    check_rows("lilt", Full, "full")


def test_refused_values() -> None:
    check_refused("full[rates=stronger]", "did you mean strong")
    check_refused("full[batch=64]", "unknown parameter")  # it belongs to --recipe
