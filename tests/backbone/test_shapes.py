"""LilT's table of trained parameters to the digit, on DeiT-base and BERT-base without weights."""

from __future__ import annotations

from typing import Any

import pytest
from torch import nn

from bench.backbone import Backbone
from bench.backbone.shapes import LILT, shape
from bench.checks.verify import count
from bench.plan.registry import find_methods
from bench.spec import parse_names
from methods.base import Count
from methods.layernorm import norm_parameters
from methods.lilt_da import LiltDA

REGISTRY = find_methods()
NAME = next(iter(LILT))
LIKE = Count(0, "", kind="retrieval")
TABLE = {
    "lilt-ln": 470_529, "lilt-bitfit": 598_785, "lilt-lwa": 14_595_585, "lilt-lwa-ln": 14_672_385, "lilt-da": 14_571_009,
    "lit": 109_283_841, "full": 195_128_577,
}  # fmt: skip


@pytest.fixture(scope="module")
def towers() -> Backbone:
    pytest.importorskip("transformers", reason="BERT comes with the extra [hf]")
    return shape(NAME)


@pytest.mark.parametrize("label", TABLE)
def test_methods(towers: Backbone, label: str) -> None:
    assert count(REGISTRY.build(parse_names(label, "methods")[0]), towers, LIKE) == TABLE[label]
    assert TABLE[label] in [stated.trainable for stated in REGISTRY.methods[label].counts if stated.backbone == NAME]


def size(*parameters: nn.Parameter) -> int:
    return sum(parameter.numel() for parameter in dict.fromkeys(parameters))


def test_rows_that_are_no_method_of_their_own(towers: Backbone) -> None:
    """Each by the parts that towers name: head.projection, head.norm, blocks, the norms."""
    image, text, clip = (towers.clip.image, towers.clip.text, towers.clip)
    heads: Any = (image.head, text.head)
    always = [*heads[0].projection, *heads[1].projection, clip.logit_scale]
    blocks = [*image.blocks[-1].parameters(), *text.blocks[-1].parameters(), *heads[0].norm.parameters()]
    norms = norm_parameters(clip)
    assert heads[1].norm is None
    assert size(*always) == 393_729
    assert size(*always, *blocks) == 14_571_009
    assert size(*always, *blocks, *norms) == 14_640_129
    assert size(*always, *image.parameters()) == 86_238_465
    assert size(*clip.parameters()) == 195_128_577


def test_deep_adapters_with_the_norms_below(towers: Backbone) -> None:
    clip = shape(NAME).clip
    norms = norm_parameters(clip)
    heads: Any = (clip.image.head, clip.text.head)
    added = LiltDA().inside(clip)
    assert size(*heads[0].projection, *heads[1].projection, clip.logit_scale, *added, *norms) == 14_646_273
