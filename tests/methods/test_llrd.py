"""LLRD: rates decay from the top of each tower to its bottom."""

from __future__ import annotations

import pytest

from bench.backbone import Backbone, Clip
from methods.llrd import LLRD
from tests.methods.encoders import TEMPERATURE, TOWERS, names_that_train, start, within
from tests.methods.recipes import SHOTS, strong
from tests.methods.stated import check_counts, check_refused, check_rows, trains


@pytest.mark.parametrize("decay", [None, 0.5, 1.0])
def test_rates_decay_by_stage_from_the_top(clip: Clip, decay: float | None) -> None:
    method = LLRD() if decay is None else LLRD(LLRD.Params(decay=decay))
    rates = method.adapt(clip, start(kind="retrieval")).rates
    tops = {"image": 4, "text": 3}
    for name, parameter in clip.named_parameters():
        if name == "logit_scale":
            assert parameter not in rates
            continue
        tower, _, stage = name.split(".")[:3]
        assert rates[parameter] == pytest.approx((decay or 0.9) ** (tops[tower] - int(stage))), name


@pytest.mark.parametrize(
    ("kind", "names"), [("classification", within("image.")), ("pair", TOWERS), ("retrieval", TOWERS | TEMPERATURE)]
)
def test_what_trains_is_what_full_trains(clip: Clip, kind: str, names: set[str]) -> None:
    assert names_that_train(LLRD(), clip, kind) == names
    assert (LLRD().adapt(clip, start(kind=kind)).head is None) == (kind != "classification")
    assert LLRD.starts_at_zero_shot


def test_counts(vit: Backbone) -> None:
    check_counts(vit, LLRD, trains(86_197_760), trains(149_620_737, kind="retrieval"))


@pytest.mark.parametrize("shots", SHOTS)
def test_recipe(shots: int) -> None:
    assert LLRD().recipe(start(shots)) == strong(shots)


def test_it_is_in_no_group_of_its_own_accord() -> None:
    check_rows("lilt", LLRD)


@pytest.mark.parametrize("decay", ["0", "1.1"])
def test_refused_values(decay: str) -> None:
    check_refused(f"llrd[decay={decay}]", "decay must be above 0 and at most 1")
