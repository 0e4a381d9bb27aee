"""What methods are unless they say otherwise."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.nn import functional as F

from methods.base import Edit, EncoderMethod, HeadMethod, Method, Views
from tests.methods.encoders import start
from tests.methods.heads import CLASSES, random_support
from tests.methods.recipes import SHOTS, common


def test_a_method_takes_the_first_template_and_no_views() -> None:
    assert Method().templates(("a {}", "the {}")) == ("a {}",) and Method().views("pair") == Views(count=0)
    assert Method().params == Method.Params()


def test_the_frozen_backbone_reads_the_same_texts() -> None:
    class Own(Method):
        def templates(self, own: tuple[str, ...]) -> tuple[str, ...]:
            return ("{}.",)

    assert Method().frozen_templates(("a {}", "the {}")) == ("a {}",) and Own().frozen_templates(("a {}",)) == ("{}.",)


def test_a_head_is_trained_on_plain_images_by_cross_entropy_if_at_all() -> None:
    support, scores = random_support(), torch.randn(12, CLASSES, generator=torch.Generator().manual_seed(0))
    head = HeadMethod()
    assert head.family == "head" and head.recipe(support) is None and head.trains_on == "plain"
    assert torch.equal(head.loss(scores, support.labels, support), F.cross_entropy(scores, support.labels))
    nothing: Any = None
    assert head.tune(nothing, support) == {}
    with pytest.raises(NotImplementedError):
        head.head(support)


@pytest.mark.parametrize("shots", SHOTS)
def test_an_encoder_method_has_the_common_recipe_and_ten_crops(shots: int) -> None:
    method = EncoderMethod()
    assert method.recipe(start(shots)) == common(shots)
    assert method.views("classification") == Views(count=10, smallest_crop=0.08, flip=True)
    assert (method.family, method.grid) == ("inside the encoder", {"lr": (2e-4, 1e-3)})
    assert method.kinds == {"classification", "pair", "retrieval"} and not method.reads_features
    nothing: Any = None
    with pytest.raises(NotImplementedError):
        method.adapt(nothing, start())


def test_an_edit_is_plain_but_for_what_trains() -> None:
    edit = Edit([])
    assert (edit.head, edit.rates, edit.tokens, edit.finish) == (None, {}, None, None)
    assert (edit.texts_given_images, edit.texts_given_frozen, edit.loss) == (None, None, None)
    assert (edit.penalty, edit.handover) == (None, None)
