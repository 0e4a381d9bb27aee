"""ProLIP: the projection moves, and nothing else; what it is held by against numpy."""

from __future__ import annotations

import copy

import pytest
import torch

from bench.backbone import Backbone, Clip
from methods.base import NotApplicable, Recipe, Views
from methods.prolip import ProLIP
from tests.methods.encoders import edited_anew, start, step_of
from tests.methods.heads import array
from tests.methods.recipes import SHOTS
from tests.methods.stated import check_counts, trains
from tests.methods.towers import by_hand, check, check_moves

TEXT = ProLIP(ProLIP.Params(tower="text"))


def test_one_projection_moves_and_nothing_else(shaken: Clip) -> None:
    check_moves(ProLIP(), shaken, {"image.stages.4.proj"})
    check_moves(TEXT, shaken, {"text.stages.3.text_projection"})


def test_the_bias_of_a_projection_stays(clip: Clip) -> None:
    with_bias = copy.deepcopy(clip)
    del with_bias.text.head.text_projection
    with_bias.text.head.text_projection = torch.nn.Linear(32, 16)
    assert [tuple(parameter.shape) for parameter in TEXT.adapt(with_bias, start()).trains] == [(16, 32)]


def test_a_tower_without_a_projection_is_refused(clip: Clip) -> None:
    clip.image.head.proj = None
    with pytest.raises(NotApplicable, match="the tower ViT ends without a projection"):
        ProLIP().adapt(clip, start())


@pytest.mark.parametrize(
    ("params", "shots", "strength"),
    [(ProLIP.Params(), 4, 1 / 4), (ProLIP.Params(), 1, 1.0), (ProLIP.Params(strength=3.0), 4, 3.0)],
)
def test_it_is_held_the_less_the_more_shots(params: ProLIP.Params, shots: int, strength: float, clip: Clip) -> None:
    edited, drawn, _ = edited_anew(ProLIP(params), clip)
    penalty = ProLIP(params).adapt(copy.deepcopy(clip), start(shots)).penalty
    assert penalty is not None
    before = {"image.stages.4.proj": clip.image.head.proj.detach()}
    moved = array(drawn["image.stages.4.proj"]) - array(clip.image.head.proj)
    assert penalty(step_of(edited, before)).item() == pytest.approx(strength * (moved**2).sum(), rel=1e-5)


def test_it_starts_at_zero_shot(shaken: Clip) -> None:
    plain = by_hand(shaken)
    ProLIP().adapt(shaken, start())
    assert ProLIP.starts_at_zero_shot
    check(shaken, plain)


def test_counts(vit: Backbone) -> None:
    check_counts(vit, ProLIP, trains(393_216), trains(262_144, params="tower=text"))


@pytest.mark.parametrize("shots", SHOTS)
def test_recipe(shots: int) -> None:
    assert ProLIP().recipe(start(shots)) == Recipe(
        optimiser="adam", lr=1e-5, weight_decay=0.0, eps=1e-4, batch=3 * shots, steps=300, schedule="cosine", final_lr=0.0
    )
    assert ProLIP().views("classification") == Views(count=10, smallest_crop=0.5, flip=True)
