"""L2-SP: what full training trains, and the pull on it against numpy."""

from __future__ import annotations

import pytest

from bench.backbone import Backbone, Clip
from methods.base import Adapted
from methods.l2_sp import L2SP
from tests.methods.encoders import TEMPERATURE, TOWERS, edited_anew, start, step_of, within
from tests.methods.heads import array
from tests.methods.recipes import SHOTS, strong
from tests.methods.stated import check_counts, check_refused, check_rows, trains
from tests.methods.towers import check_moves


@pytest.mark.parametrize("alpha", [0.01, 3.0])
@pytest.mark.parametrize("kind", ["classification", "pair", "retrieval"])
def test_everything_that_trains_is_pulled_back_to_its_start(kind: str, alpha: float, clip: Clip) -> None:
    method = L2SP(L2SP.Params(alpha=alpha))
    edited, drawn, edit = edited_anew(method, clip, kind)
    model = Adapted(edited, edit.head)
    before = {f"clip.{name}": value.detach() for name, value in clip.named_parameters() if name in drawn}
    squares = sum(((array(value) - array(before[f"clip.{name}"])) ** 2).sum() for name, value in drawn.items())
    if edit.head is not None:
        before["head.weight"] = dict(model.named_parameters())["head.weight"].detach() - 2.0
        squares += 4 * before["head.weight"].numel()
    assert edit.penalty is not None
    assert edit.penalty(step_of(model, before)).item() == pytest.approx(alpha / 2 * squares, rel=1e-4)


@pytest.mark.parametrize(
    ("kind", "names"), [("classification", within("image.")), ("pair", TOWERS), ("retrieval", TOWERS | TEMPERATURE)]
)
def test_what_trains_is_what_full_trains(shaken: Clip, kind: str, names: set[str]) -> None:
    check_moves(L2SP(), shaken, names, kind)
    assert (L2SP().adapt(shaken, start(kind=kind)).head is None) == (kind != "classification")
    assert L2SP.starts_at_zero_shot


def test_counts(vit: Backbone) -> None:
    check_counts(vit, L2SP, trains(86_197_760), trains(149_620_737, kind="retrieval"))


@pytest.mark.parametrize("shots", SHOTS)
def test_recipe(shots: int) -> None:
    assert L2SP().recipe(start(shots)) == strong(shots, weight_decay=0.0)
    assert L2SP().params.alpha == 0.01


def test_it_is_in_no_group_of_its_own_accord() -> None:
    check_rows("lilt", L2SP)


def test_refused_values() -> None:
    check_refused("l2-sp[alpha=-1]", "alpha must be at least 0")
