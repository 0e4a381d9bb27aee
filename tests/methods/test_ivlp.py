"""IVLP: prompts in both towers, each of its own; towers run by hand."""

from __future__ import annotations

import copy

import pytest
import torch

from bench.backbone import Backbone, Clip
from methods.ivlp import IVLP
from tests.methods.encoders import FIRST, LAST, NAMES, edited_anew, names_that_train, start, tokenize, words_of
from tests.methods.prompted import check_long_text, class_tokens, close, embedded, exact, image_by_hand, pictures, text_by_hand
from tests.methods.recipes import SHOTS, dassl
from tests.methods.stated import check_counts, check_refused, trains


@torch.no_grad()
@pytest.mark.parametrize(("depth", "n"), [(1, 4), (2, 2), (9, 4)])
def test_by_hand_in_both_towers(shaken: Clip, depth: int, n: int) -> None:
    method = IVLP(IVLP.Params(depth=depth, n_ctx=n))
    changed, drawn, edit = edited_anew(method, shaken, std=0.7)
    edited = [parameter.detach().double() for parameter in edit.trains]
    levels = min(depth, 2)  # the text tower has two blocks, the image tower three
    contexts, prompts = edited[:levels], edited[levels:]
    assert len(drawn) == len(edited) and len(prompts) == min(depth, 3)
    features, plain = changed.text(class_tokens(method, edit)), exact(shaken)
    rest = words_of("a photo of a")[n:]
    for c, name in enumerate(NAMES):
        words = embedded(plain, [*rest, *words_of(f"{name}."), LAST])
        rows = torch.cat([embedded(plain, [FIRST]), contexts[0], words])
        close(features[c], text_by_hand(plain, rows, {2: contexts[1]} if levels == 2 else None))
    images = changed.image(pictures())
    for b, picture in enumerate(pictures()):
        close(images[b], image_by_hand(plain, picture, prompts))


def test_the_start_is_a_photo_of_a_and_small_and_random(clip: Clip) -> None:
    expected = embedded(clip, words_of("a photo of a"))
    torch.manual_seed(0)
    first, *others = IVLP().adapt(clip, start()).trains
    assert torch.equal(first, expected)
    drawn = torch.cat([each.detach().flatten() for each in others])
    assert float(drawn.std()) == pytest.approx(0.02, rel=0.1) and abs(float(drawn.mean())) < 0.003


@torch.no_grad()
def test_at_the_start_its_text_is_a_photo_of_a_name_as_far_as_the_first_block(shaken: Clip) -> None:
    changed, method = copy.deepcopy(shaken), IVLP(IVLP.Params(depth=1))
    edit = method.adapt(changed, start())
    plain = shaken.text(tokenize([f"a photo of a {name}." for name in NAMES]))
    torch.testing.assert_close(changed.text(class_tokens(method, edit)), plain, rtol=1e-4, atol=1e-4)


def test_text_that_is_too_long_keeps_its_end(clip: Clip) -> None:
    check_long_text(IVLP(), clip)


def test_counts(vit: Backbone) -> None:
    check_counts(vit, IVLP, trains(46_080))


@pytest.mark.parametrize("kind", ["classification", "pair", "retrieval"])
def test_what_trains(clip: Clip, kind: str) -> None:
    text = {f"text.stages.{stage}.prompts.prompts" for stage in (0, 2)}
    image = {f"image.stages.{stage}.prompts.prompts" for stage in (2, 3)}
    assert names_that_train(IVLP(), clip, kind) == {*text, "image.stages.1.prompts.prompts.prompts", *image}


@pytest.mark.parametrize("shots", SHOTS)
def test_recipe(shots: int) -> None:
    assert IVLP().recipe(start(shots)) == dassl(lr=2.5e-3, batch=4, epochs=50)


def test_its_class_texts_are_names_alone() -> None:
    assert IVLP().templates(("a drawing of a {}.",)) == ("{}.",)


@pytest.mark.parametrize("text", ["n_ctx=0", "n_ctx=5", "depth=0"])
def test_refused_values(text: str) -> None:
    check_refused(f"ivlp[{text}]", "depth must be at least 1, and n_ctx 1 to 4")
