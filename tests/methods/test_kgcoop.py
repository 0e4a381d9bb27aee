"""KgCoOp: a context from "a photo of a", by a text tower that is run by hand, and its loss by plain loops."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bench.backbone import Backbone, Clip
from methods.kgcoop import KgCoOp
from tests.methods.encoders import FIRST, LAST, NAMES, edited_anew, names_that_train, start, words_of
from tests.methods.forwards import arrays, drawn_forward
from tests.methods.heads import cross_entropy
from tests.methods.prompted import check_long_text, class_tokens, close, embedded, exact, text_by_hand
from tests.methods.recipes import SHOTS, dassl
from tests.methods.stated import check_counts, trains


@torch.no_grad()
def test_its_context_stands_between_start_and_name(shaken: Clip) -> None:
    method = KgCoOp()
    changed, drawn, edit = edited_anew(method, shaken, std=0.7)
    (context,) = (each.double() for each in drawn.values())
    features, plain = changed.text(class_tokens(method, edit)), exact(shaken)
    for c, name in enumerate(NAMES):
        rows = torch.cat([embedded(plain, [FIRST]), context, embedded(plain, [*words_of(f"{name}."), LAST])])
        close(features[c], text_by_hand(plain, rows))


@pytest.mark.parametrize("weight", [8.0, 0.5])
def test_its_loss_holds_the_class_texts_at_the_hand_written_ones(clip: Clip, weight: float) -> None:
    method, forward = KgCoOp(KgCoOp.Params(weight=weight)), drawn_forward()
    seen = arrays(forward)
    moved = np.mean([((seen["text"][c] - seen["frozen_text"][c]) ** 2).sum() for c in range(3)])
    expected = cross_entropy(seen["scores"], seen["labels"]) + weight * moved / 2
    loss = method.adapt(clip, start()).loss
    assert loss is not None and float(loss(forward)) == pytest.approx(expected, rel=1e-5)


def test_the_start_is_a_photo_of_a_name(clip: Clip) -> None:
    expected = embedded(clip, words_of("a photo of a"))
    (context,) = KgCoOp().adapt(clip, start()).trains
    assert torch.equal(context, expected)


def test_text_that_is_too_long_keeps_its_end(clip: Clip) -> None:
    check_long_text(KgCoOp(), clip)


def test_counts(vit: Backbone) -> None:
    check_counts(vit, KgCoOp, trains(2_048))


def test_what_trains(clip: Clip) -> None:
    assert names_that_train(KgCoOp(), clip) == {"text.stages.0.prompts.prompts"}


@pytest.mark.parametrize("shots", SHOTS)
def test_recipe(shots: int) -> None:
    assert KgCoOp().recipe(start(shots)) == dassl(lr=2e-3, batch=128, epochs=100)


def test_its_class_texts_are_names_and_the_frozen_ones_the_tasks_own() -> None:
    own = ("a photo of a {}.", "a drawing of a {}.")
    assert KgCoOp().templates(own) == ("{}.",) and KgCoOp().frozen_templates(own) == own[:1]
    assert KgCoOp.kinds == {"classification"} and KgCoOp().params.weight == 8
