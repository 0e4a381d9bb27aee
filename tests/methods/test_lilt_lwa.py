"""LilT-LwA: layer-wise adapters, before the norms of images and after the sublayers of texts, in plain numpy."""

from __future__ import annotations

import copy

import pytest

from bench.backbone import Backbone, Clip
from methods.lilt_lwa import LiltLwA
from tests.methods.encoders import PROJECTIONS, TEMPERATURE, TOWERS, edited_anew, names_that_train, replaced, start
from tests.methods.recipes import SHOTS, lilt
from tests.methods.stated import check_counts, check_refused, check_rows, on_lilts_towers, trains
from tests.methods.towers import Places, bottlenecks, by_hand, check, in_pairs


def test_those_of_images_precede_the_norm_those_of_texts_follow_the_sublayer(shaken: Clip) -> None:
    edited, drawn, _ = edited_anew(LiltLwA(), shaken)
    assert set(list(drawn)[-3:]) == PROJECTIONS | TEMPERATURE
    inside = {name: value for name, value in drawn.items() if name not in PROJECTIONS | TEMPERATURE}
    found = in_pairs(bottlenecks(inside))
    assert len(found) == 5
    plain = replaced(shaken, {name: drawn[name] for name in PROJECTIONS})
    check(edited, by_hand(plain, [Places(before=pair) for pair in found[:3]], [Places(after=pair) for pair in found[3:]]))


@pytest.mark.parametrize(("reduction", "width"), [(4, 8), (2, 16)])
def test_they_start_small_with_biases_of_zero(clip: Clip, reduction: int, width: int) -> None:
    edited = copy.deepcopy(clip)
    trained = list(LiltLwA(LiltLwA.Params(reduction=reduction)).adapt(edited, start()).trains)[:-3]
    for matrix, bias in zip(trained[0::2], trained[1::2], strict=True):
        assert sorted(matrix.shape) == [width, 32]
        assert float(matrix.detach().std()) == pytest.approx(0.02, rel=0.3) and not bias.any()
    assert not LiltLwA.starts_at_zero_shot


@pytest.mark.parametrize("kind", ["classification", "retrieval"])
def test_of_the_backbones_own_only_projections_and_temperature_train(clip: Clip, kind: str) -> None:
    names = names_that_train(LiltLwA(), clip, kind)
    assert len(names) == 4 * 2 * 5 + 3
    untouched = names & (TOWERS | TEMPERATURE)
    assert untouched == PROJECTIONS | TEMPERATURE


def test_counts(vit: Backbone) -> None:
    check_counts(vit, LiltLwA, trains(10_917_377))


def test_the_papers_count(deit_bert: Backbone) -> None:
    check_counts(deit_bert, LiltLwA, on_lilts_towers(14_595_585))


@pytest.mark.parametrize("shots", SHOTS)
def test_recipe(shots: int) -> None:
    assert LiltLwA().recipe(start(shots)) == lilt(shots)


def test_its_rows_of_lilts_table() -> None:
    check_rows("lilt", LiltLwA, "lilt-lwa")


def test_refused_values() -> None:
    check_refused("lilt-lwa[reduction=0]", "reduction must be at least 1")
