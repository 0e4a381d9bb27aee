"""CoOp: a context between start token and class name, by a text tower that is run by hand."""

from __future__ import annotations

import pytest
import torch

from bench.backbone import Backbone, Clip
from methods.base import NotApplicable
from methods.coop import CoOp
from tests.methods.encoders import FIRST, LAST, NAMES, edited_anew, names_that_train, start, words_of
from tests.methods.prompted import check_long_text, class_tokens, close, embedded, exact, text_by_hand
from tests.methods.recipes import SHOTS, dassl
from tests.methods.stated import check_counts, check_refused, trains


@torch.no_grad()
@pytest.mark.parametrize("class_specific", [False, True])
def test_its_context_stands_between_start_and_name(shaken: Clip, class_specific: bool) -> None:
    method = CoOp(CoOp.Params(n_ctx=5, class_specific=class_specific))
    changed, drawn, edit = edited_anew(method, shaken, std=0.7)
    (context,) = (each.double() for each in drawn.values())
    assert context.shape == (len(NAMES) if class_specific else 1, 5, shaken.text.width)
    features, plain = changed.text(class_tokens(method, edit)), exact(shaken)
    for c, name in enumerate(NAMES):
        mine = context[c if class_specific else 0]
        rows = torch.cat([embedded(plain, [FIRST]), mine, embedded(plain, [*words_of(f"{name}."), LAST])])
        close(features[c], text_by_hand(plain, rows))


def test_the_start_is_small_and_random(clip: Clip) -> None:
    torch.manual_seed(0)
    (drawn,) = CoOp().adapt(clip, start()).trains
    assert float(drawn.detach().std()) == pytest.approx(0.02, rel=0.1)
    assert abs(float(drawn.detach().mean())) < 0.003


def test_text_that_is_too_long_keeps_its_end(clip: Clip) -> None:
    check_long_text(CoOp(CoOp.Params(n_ctx=4)), clip)


def test_counts(vit: Backbone) -> None:
    check_counts(vit, CoOp, trains(8_192), trains(2_048, params="n_ctx=4"), trains(81_920, params="class_specific=true"))


def test_what_trains(clip: Clip) -> None:
    assert names_that_train(CoOp(), clip) == {"text.stages.0.prompts.prompts"}


@pytest.mark.parametrize(("shots", "epochs"), [*zip(SHOTS, (50, 100, 100, 200, 200), strict=True)])
def test_recipe(shots: int, epochs: int) -> None:
    assert CoOp().recipe(start(shots)) == dassl(lr=2e-3, batch=32, epochs=epochs)


def test_contexts_of_classes_need_classes(clip: Clip) -> None:
    method = CoOp(CoOp.Params(class_specific=True))
    for kind in ("pair", "retrieval"):
        with pytest.raises(NotApplicable, match="need classes with names"):
            method.adapt(clip, start(kind=kind))


def test_its_class_texts_are_names_alone() -> None:
    assert CoOp().templates(("a photo of a {}.", "a drawing of a {}.")) == ("{}.",)


def test_refused_values() -> None:
    check_refused("coop[n_ctx=0]", "n_ctx must be at least 1")
    check_refused("coop[class_specific=maybe]", "true or false")
