"""What all methods of LilT share, and the group that they stand in."""

from __future__ import annotations

from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

import pytest
from torch import nn

from bench.api import resolve_methods
from bench.backbone import Clip
from methods.base import EncoderMethod
from methods.parts.lilt import LiltMethod, final_norm
from tests.methods.encoders import PROJECTIONS, TEMPERATURE, names_that_train, start
from tests.methods.recipes import SHOTS, lilt
from tests.methods.stated import REGISTRY, check_refused


class Nothing(LiltMethod):
    name = "nothing"

    def inside(self, clip: Any) -> Iterable[nn.Parameter]:
        return []


@pytest.mark.parametrize("kind", ["classification", "pair", "retrieval"])
def test_projections_and_temperature_always_train(clip: Clip, kind: str) -> None:
    assert names_that_train(Nothing(), clip, kind) == PROJECTIONS | TEMPERATURE


@pytest.mark.parametrize("shots", SHOTS)
def test_the_recipe_is_the_common_one_with_bounds_on_the_temperature(shots: int) -> None:
    assert Nothing().recipe(start(shots)) == lilt(shots)
    assert Nothing(Nothing.Params(lr=3e-3)).recipe(start(shots)) == lilt(shots, lr=3e-3)
    assert Nothing().params.lr is None and EncoderMethod.Params().lr == 2e-4


def test_the_final_norm(clip: Clip) -> None:
    assert final_norm(clip.image) == [clip.image.head.ln_post.weight, clip.image.head.ln_post.bias]
    ending_in_a_norm: Any = SimpleNamespace(head=SimpleNamespace(norm=None))
    assert final_norm(ending_in_a_norm) == []


def test_the_group_stands_for_what_declares_it_and_nothing_else() -> None:
    named = resolve_methods("lilt", REGISTRY)
    declared = {
        f"{name}[{text}]" if text else name
        for name, method in REGISTRY.methods.items()
        for text in vars(method).get("groups", {}).get("lilt", ())
    }
    assert {str(one) for one in named} == declared and len(named) == len(declared)
    assert {method.name for method in REGISTRY.methods.values() if issubclass(method, LiltMethod)} <= {one.name for one in named}
    assert [str(one) for one in resolve_methods("lilt,lora", REGISTRY)].count("lora") == 1


def test_a_group_takes_no_parameters() -> None:
    check_refused("lilt[r=4]", "unknown method")
