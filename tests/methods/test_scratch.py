"""Scratch: nothing is left of the pretrained weights, and everything trains."""

from __future__ import annotations

import copy

import pytest
import torch

from bench.backbone import Backbone, Clip
from methods.scratch import Scratch
from tests.methods.conftest import make_small
from tests.methods.encoders import TEMPERATURE, TOWERS, names_that_train, start
from tests.methods.recipes import SHOTS, lilt
from tests.methods.stated import check_counts, check_rows, trains
from tests.methods.towers import check_moves


def test_it_starts_at_what_the_models_own_initialiser_draws(shaken: Clip) -> None:
    edited = copy.deepcopy(shaken)
    torch.manual_seed(11)
    Scratch().adapt(edited, start(kind="retrieval"))
    torch.manual_seed(11)
    drawn = make_small().state_dict()
    pretrained = shaken.state_dict()
    for name, value in edited.state_dict().items():
        assert torch.equal(value, drawn[name]), name
        assert name in TEMPERATURE or not torch.equal(value, pretrained[name]), name
    assert not Scratch.starts_at_zero_shot


def test_the_episodes_seed_decides(clip: Clip) -> None:
    starts = []
    for seed in (1, 1, 2):
        edited = copy.deepcopy(clip)
        torch.manual_seed(seed)
        Scratch().adapt(edited, start(kind="retrieval"))
        starts.append(edited.image.stages[1].attn.q.weight)  # type: ignore[union-attr]
    assert torch.equal(starts[0], starts[1]) and not torch.equal(starts[0], starts[2])


def test_everything_trains_and_the_towers_compute_with_it(shaken: Clip) -> None:
    assert names_that_train(Scratch(), shaken, "retrieval") == TOWERS | TEMPERATURE
    check_moves(Scratch(), shaken, TOWERS | TEMPERATURE, "retrieval")


def test_counts(vit: Backbone) -> None:
    check_counts(vit, Scratch, trains(149_620_737, kind="retrieval"))


@pytest.mark.parametrize("shots", SHOTS)
def test_recipe(shots: int) -> None:
    assert Scratch().recipe(start(shots, "retrieval")) == lilt(shots)


def test_it_is_a_row_of_lilts_table_and_for_retrieval_alone() -> None:
    check_rows("lilt", Scratch, "scratch")
    assert Scratch.kinds == {"retrieval"}
