"""Mixout: the weight that acts in a forward pass, read off and compared with the formula."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from bench.backbone import Backbone, Clip
from methods.mixout import Mixout
from tests.methods.encoders import TEMPERATURE, TOWERS, names_that_train, start, within
from tests.methods.heads import array
from tests.methods.recipes import SHOTS, strong
from tests.methods.stated import check_counts, check_refused, check_rows, trains
from tests.methods.towers import check_moves


def linears(clip: Clip) -> dict[str, Any]:
    return {name: module for name, module in clip.named_modules() if isinstance(module, nn.Linear)}


def effective(linear: Any) -> np.ndarray:
    """The weight that acts in one forward pass, read off with unit vectors."""
    return array((linear(torch.eye(linear.in_features)) - linear.bias).T)


def mixed(clip: Clip, p: float) -> tuple[dict[str, Any], Clip]:
    """Linears after `mixout` with their weights moved, and the pretrained backbone."""
    pretrained = copy.deepcopy(clip)
    torch.manual_seed(3)
    Mixout(Mixout.Params(p=p)).adapt(clip, start())
    with torch.no_grad():
        for linear in linears(clip).values():
            linear.weight += torch.randn_like(linear.weight)
            linear.bias.normal_()
    return linears(clip), pretrained


@pytest.mark.parametrize("p", [0.7, 0.3])
def test_each_weight_is_that_of_the_formula_with_one_mask_or_the_other(clip: Clip, p: float) -> None:
    moved, pretrained = mixed(clip, p)
    assert len(moved) == 6 * 5 and Mixout().params.p == 0.7
    held = []
    for name, before in linears(pretrained).items():
        linear = moved[name].train()
        w0, w = array(before.weight), array(linear.weight)
        now = effective(linear)
        candidates = [((1 - mask) * w + mask * w0 - p * w0) / (1 - p) for mask in (0, 1)]
        distance = np.abs(np.stack([now - each for each in candidates]))
        assert distance.min(0).max() < 1e-4, name
        column = distance.argmin(0)
        assert (column == column[:1]).all(), name
        held.append(column[0])
    share, count = np.concatenate(held).mean(), np.concatenate(held).size
    assert abs(share - p) < 5 * np.sqrt(p * (1 - p) / count)


def test_it_is_the_trained_weight_in_expectation(clip: Clip) -> None:
    moved, _ = mixed(clip, 0.7)
    linear = moved["image.stages.1.attn.q"].train()
    draws = np.stack([effective(linear) for _ in range(400)])
    error = draws.std(0, ddof=1) / np.sqrt(len(draws))
    off = (draws.mean(0) - array(linear.weight)) / error
    assert np.abs(off).max() < 6 and abs(off.mean()) < 5 / np.sqrt(off.size) and off.std() == pytest.approx(1, abs=0.15)


def test_the_gradient_passes_where_the_weight_is_its_own(clip: Clip) -> None:
    linear = mixed(clip, 0.7)[0]["text.stages.1.mlp.c_fc"].train()
    inputs = torch.ones(1, linear.in_features)
    linear.weight.requires_grad_(True)
    linear(inputs).sum().backward()
    slopes = linear.weight.grad
    assert set(slopes.unique().tolist()) == {0.0, 1.0}  # not divided by 1 - p, as the published program has it
    assert torch.equal(slopes, slopes[:1].expand_as(slopes))  # a whole column, or nothing of it
    assert float((slopes[0] == 0).float().mean()) == pytest.approx(0.7, abs=0.2)


@pytest.mark.parametrize(("p", "training"), [(0.7, False), (0.0, True)])
def test_it_is_the_plain_linear_in_scoring_and_without_a_probability(clip: Clip, p: float, training: bool) -> None:
    for name, linear in mixed(clip, p)[0].items():
        np.testing.assert_allclose(effective(linear.train(training)), array(linear.weight), atol=2e-5, err_msg=name)


@pytest.mark.parametrize(
    ("kind", "names"), [("classification", within("image.")), ("pair", TOWERS), ("retrieval", TOWERS | TEMPERATURE)]
)
def test_what_trains_is_what_full_trains_and_nothing_else_is_stored(shaken: Clip, kind: str, names: set[str]) -> None:
    assert names_that_train(Mixout(), shaken, kind) == names
    check_moves(Mixout(), shaken, names, kind)
    before = set(shaken.state_dict())
    head = Mixout().adapt(shaken, start(kind=kind)).head
    assert set(shaken.state_dict()) == before and (head is None) == (kind != "classification")
    assert Mixout.starts_at_zero_shot


def test_counts(vit: Backbone) -> None:
    check_counts(vit, Mixout, trains(86_197_760), trains(149_620_737, kind="retrieval"))


@pytest.mark.parametrize("shots", SHOTS)
def test_recipe(shots: int) -> None:
    assert Mixout().recipe(start(shots)) == strong(shots)


def test_it_is_in_no_group_of_its_own_accord() -> None:
    check_rows("lilt", Mixout)


@pytest.mark.parametrize("p", ["-0.1", "1"])
def test_refused_values(p: str) -> None:
    check_refused(f"mixout[p={p}]", "p must be at least 0 and below 1")
