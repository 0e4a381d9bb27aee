"""CLIPFit: which biases and norms move, and what holds the texts, against numpy."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bench.backbone import Backbone, Clip
from methods.base import NotApplicable
from methods.clipfit import CLIPFit
from tests.methods.encoders import NORMS, edited_anew, start, step_of
from tests.methods.heads import array, unit
from tests.methods.recipes import SHOTS, dassl
from tests.methods.stated import build, check_counts, trains
from tests.methods.towers import by_hand, check, check_moves

EXPECTED = {name for name in NORMS if name.startswith("image.")} | {f"text.stages.{stage}.mlp.c_proj.bias" for stage in (1, 2)}


@pytest.mark.parametrize("kind", ["classification", "pair", "retrieval"])
def test_norms_of_the_image_tower_and_last_biases_of_the_text_tower_move(shaken: Clip, kind: str) -> None:
    check_moves(CLIPFit(), shaken, EXPECTED, kind)


@pytest.mark.parametrize(("label", "strength"), [("clipfit", 8.0), ("clipfit[strength=2]", 2.0)])
def test_texts_are_held_by_their_angle_to_where_they_were(label: str, strength: float, clip: Clip) -> None:
    torch.manual_seed(0)
    now, before = torch.randn(5, 16, requires_grad=True), torch.randn(5, 16)
    edited, _, edit = edited_anew(build(label), clip)  # type: ignore[arg-type]
    assert edit.penalty is not None
    found = edit.penalty(step_of(edited, {}, (now, before)))
    expected = strength * (1 - np.mean([unit(a) @ unit(b) for a, b in zip(array(now), array(before), strict=True)]))
    assert found.item() == pytest.approx(expected, rel=1e-5)
    found.backward()
    assert now.grad is not None and bool(now.grad.abs().sum(1).gt(0).all())
    assert edit.penalty(step_of(edited, {}, (3 * before, before))).item() == pytest.approx(0, abs=1e-5)


def test_it_starts_at_zero_shot(shaken: Clip) -> None:
    plain = by_hand(shaken)
    CLIPFit().adapt(shaken, start())
    assert CLIPFit.starts_at_zero_shot
    check(shaken, plain)


def test_mlps_without_a_bias_are_refused(clip: Clip) -> None:
    clip.text.blocks[0].mlp = torch.nn.Identity()
    with pytest.raises(NotApplicable, match="the MLPs of the tower open_clip text end without a bias"):
        CLIPFit().adapt(clip, start())


def test_counts(vit: Backbone) -> None:
    check_counts(vit, CLIPFit, trains(46_080))


@pytest.mark.parametrize("shots", SHOTS)
def test_recipe(shots: int) -> None:
    assert CLIPFit().recipe(start(shots)) == dassl(lr=2e-3, batch=32, epochs=100)
