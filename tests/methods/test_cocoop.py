"""CoCoOp: a context that the image shifts, by a plain loop over images and classes."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from bench.backbone import Backbone, Clip
from methods.cocoop import CoCoOp
from tests.methods.encoders import FIRST, LAST, NAMES, edited_anew, names_that_train, start, words_of
from tests.methods.prompted import check_long_text, class_tokens, close, embedded, exact, text_by_hand
from tests.methods.recipes import SHOTS, dassl
from tests.methods.stated import check_counts, trains


def unit_images(clip: Clip, count: int) -> Tensor:
    return F.normalize(torch.randn(count, clip.features, generator=torch.Generator().manual_seed(2)), dim=-1)


@torch.no_grad()
def test_by_a_plain_loop_over_images_and_classes(shaken: Clip) -> None:
    method = CoCoOp()
    _, drawn, edit = edited_anew(method, shaken, std=0.7)
    context, down, down_bias, up, up_bias = (each.double() for each in drawn.values())
    images, tokens = unit_images(shaken, 2), class_tokens(method, edit)
    assert edit.texts_given_images is not None
    features = edit.texts_given_images(tokens.expand(2, -1, -1), images)
    assert features.shape == (2, len(NAMES), shaken.features)
    plain = exact(shaken)
    for b in range(2):
        shift = up @ torch.relu(down @ images[b].double() + down_bias) + up_bias
        for c, name in enumerate(NAMES):
            words = embedded(plain, [*words_of(f"{name}."), LAST])
            rows = torch.cat([embedded(plain, [FIRST]), torch.stack([vector + shift for vector in context]), words])
            close(features[b, c], text_by_hand(plain, rows))
    assert not torch.allclose(features[0], features[1], atol=1e-2)


@torch.no_grad()
def test_it_takes_the_own_texts_of_each_image(shaken: Clip) -> None:
    method = CoCoOp()
    _, _, edit = edited_anew(method, shaken, "pair", std=0.7)
    tokens, images = class_tokens(method, edit), unit_images(shaken, 3)
    assert edit.texts_given_images is not None
    every = edit.texts_given_images(tokens.expand(3, -1, -1), images)
    own = edit.texts_given_images(tokens[:, None], images)
    for b in range(3):
        torch.testing.assert_close(own[b, 0], every[b, b], rtol=1e-4, atol=1e-5)


def test_the_context_starts_at_the_words_a_photo_of_a(clip: Clip) -> None:
    expected = embedded(clip, words_of("a photo of a"))
    first = next(iter(CoCoOp().adapt(clip, start()).trains))
    assert torch.equal(first, expected)


def test_text_that_is_too_long_keeps_its_end(clip: Clip) -> None:
    check_long_text(CoCoOp(), clip)


def test_counts(vit: Backbone) -> None:
    check_counts(vit, CoCoOp, trains(35_360))


def test_what_trains(clip: Clip) -> None:
    meta = {f"meta.{layer}.{part}" for layer in (0, 2) for part in ("weight", "bias")}
    assert names_that_train(CoCoOp(), clip) == {f"text.stages.0.{name}" for name in {"prompts.prompts", *meta}}


@pytest.mark.parametrize("shots", SHOTS)
def test_recipe(shots: int) -> None:
    assert CoCoOp().recipe(start(shots)) == dassl(lr=2e-3, batch=1, epochs=10)


def test_its_class_texts_are_names_alone() -> None:
    assert CoCoOp().templates(("a photo of a {}.", "a drawing of a {}.")) == ("{}.",)


def test_retrieval_is_left_out() -> None:
    assert CoCoOp.kinds == {"classification", "pair"}
