"""MaPLe: prompts in both towers, those of the image tower coupled to those of the text tower; towers run by hand."""

from __future__ import annotations

import copy

import pytest
import torch

from bench.backbone import Backbone, Clip
from methods.maple import MaPLe
from tests.methods.encoders import FIRST, LAST, NAMES, edited_anew, names_that_train, start, tokenize, words_of
from tests.methods.prompted import check_long_text, class_tokens, close, embedded, exact, image_by_hand, pictures, text_by_hand
from tests.methods.recipes import SHOTS, dassl
from tests.methods.stated import check_counts, check_refused, trains


@torch.no_grad()
@pytest.mark.parametrize(("depth", "n"), [(1, 2), (2, 2), (9, 2), (9, 1)])
def test_by_hand_in_both_towers(shaken: Clip, depth: int, n: int) -> None:
    method = MaPLe(MaPLe.Params(depth=depth, n_ctx=n))
    changed, drawn, edit = edited_anew(method, shaken, std=0.7)
    trained = [each.double() for each in drawn.values()]
    levels = min(depth, 2)  # the text tower has two blocks
    assert len(trained) == 3 * levels
    contexts, couplings, biases = trained[0::3], trained[1::3], trained[2::3]
    features, plain = changed.text(class_tokens(method, edit)), exact(shaken)
    rest = words_of("a photo of a")[n:]
    for c, name in enumerate(NAMES):
        words = embedded(plain, [*rest, *words_of(f"{name}."), LAST])
        rows = torch.cat([embedded(plain, [FIRST]), contexts[0], words])
        close(features[c], text_by_hand(plain, rows, {2: contexts[1]} if levels == 2 else None))
    coupled = [torch.stack([a @ vector + bias for vector in p]) for p, a, bias in zip(contexts, couplings, biases, strict=True)]
    images = changed.image(pictures())
    for b, picture in enumerate(pictures()):
        close(images[b], image_by_hand(plain, picture, coupled))


def test_the_first_prompts_start_at_the_first_words_of_a_photo_of_a(clip: Clip) -> None:
    expected = embedded(clip, words_of("a photo of a")[:2])
    assert torch.equal(next(iter(MaPLe().adapt(clip, start()).trains)), expected)


@torch.no_grad()
def test_at_the_start_its_text_is_a_photo_of_a_name_as_far_as_the_first_block(shaken: Clip) -> None:
    changed, method = copy.deepcopy(shaken), MaPLe(MaPLe.Params(depth=1))
    edit = method.adapt(changed, start())
    plain = shaken.text(tokenize([f"a photo of a {name}." for name in NAMES]))
    torch.testing.assert_close(changed.text(class_tokens(method, edit)), plain, rtol=1e-4, atol=1e-4)


def test_all_couplings_but_the_first_start_alike_as_copies_of_one(clip: Clip) -> None:
    clip.text.stages.insert(2, copy.deepcopy(clip.text.stages[1]))  # a third block
    parameters = list(MaPLe().adapt(clip, start()).trains)
    first, second, third = parameters[1::3]
    assert len(parameters) == 9 and torch.equal(second, third) and second is not third
    assert not torch.equal(first, second)


def test_text_that_is_too_long_keeps_its_end(clip: Clip) -> None:
    check_long_text(MaPLe(), clip)


def test_counts(vit: Backbone) -> None:
    check_counts(vit, MaPLe, trains(3_555_072))


def test_what_trains(clip: Clip) -> None:
    coupled = ("image.stages.1.prompts.prompts", "image.stages.2.prompts")  # the first ones pass a norm, too
    parts = ("prompts.prompts", "layer.weight", "layer.bias")  # the text tower's prompts, shared
    assert names_that_train(MaPLe(), clip) == {f"{each}.{part}" for each in coupled for part in parts}


@pytest.mark.parametrize("shots", SHOTS)
def test_recipe(shots: int) -> None:
    assert MaPLe().recipe(start(shots)) == dassl(lr=3.5e-3, batch=4, epochs=5)


def test_its_class_texts_are_names_alone() -> None:
    assert MaPLe().templates(("a drawing of a {}.",)) == ("{}.",)


@pytest.mark.parametrize("text", ["n_ctx=0", "n_ctx=5", "depth=0"])
def test_refused_values(text: str) -> None:
    check_refused(f"maple[{text}]", "depth must be at least 1, and n_ctx 1 to 4")
