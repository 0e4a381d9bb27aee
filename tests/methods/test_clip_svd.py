"""CLIP-SVD: each linear of the blocks with other singular values, in plain numpy."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch

from bench.backbone import Backbone, Clip
from methods.clip_svd import ClipSVD, decompose
from tests.methods.encoders import LINEARS, edited_anew, names_that_train, start
from tests.methods.heads import array
from tests.methods.recipes import SHOTS, common
from tests.methods.stated import check_counts, trains
from tests.methods.towers import by_hand, check


@pytest.mark.parametrize("shape", [(5, 8), (8, 5), (6, 6)])
def test_a_linear_with_other_singular_values(shape: tuple[int, int]) -> None:
    torch.manual_seed(0)
    linear, x = torch.nn.Linear(*shape), torch.randn(3, shape[0])
    decomposed: Any = decompose(linear)
    u, s, v = np.linalg.svd(array(linear.weight), full_matrices=False)
    np.testing.assert_allclose(array(decomposed[1].s), s, rtol=1e-5)
    for values in (s, s * np.linspace(-1, 2, len(s))):
        with torch.no_grad():
            decomposed[1].s.copy_(torch.from_numpy(values))
        np.testing.assert_allclose(array(decomposed(x)), array(x) @ (u * values @ v).T + array(linear.bias), atol=1e-5)


def test_the_towers_are_those_with_the_new_matrices(shaken: Clip) -> None:
    edited, drawn, _ = edited_anew(ClipSVD(), shaken, std=0.7)
    changed = copy.deepcopy(shaken)
    for name, values in drawn.items():
        linear: Any = changed.get_submodule(name.removesuffix(".1.s"))
        u, _, v = torch.linalg.svd(linear.weight.detach(), full_matrices=False)
        with torch.no_grad():
            linear.weight.copy_(u * values.to(u) @ v)
    check(edited, by_hand(changed))


def test_it_starts_at_zero_shot(shaken: Clip) -> None:
    edited = copy.deepcopy(shaken)
    ClipSVD().adapt(edited, start())
    check(edited, by_hand(shaken))
    assert ClipSVD.starts_at_zero_shot


def test_counts(vit: Backbone) -> None:
    check_counts(vit, ClipSVD, trains(92_160))


@pytest.mark.parametrize("kind", ["classification", "pair", "retrieval"])
def test_what_trains(clip: Clip, kind: str) -> None:
    assert names_that_train(ClipSVD(), clip, kind) == {f"{module}.1.s" for module in LINEARS}


@pytest.mark.parametrize("shots", SHOTS)
def test_recipe(shots: int) -> None:
    assert ClipSVD().recipe(start(shots)) == common(shots, lr=5e-4, steps=200 * shots)
