"""MMRL: tokens in the upper blocks of both towers, run by hand, token after token; its scores and its loss in loops."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from bench.backbone import Backbone, Clip, split_towers
from methods.base import Views
from methods.mmrl import MMRL
from tests.backbone.families import build, inputs
from tests.methods.encoders import NAMES, edited_anew, names_that_train, start, tokenize
from tests.methods.forwards import SCALE, arrays, drawn_forward
from tests.methods.heads import cross_entropy, unit
from tests.methods.prompted import class_tokens, close, exact, pictures
from tests.methods.recipes import SHOTS, dassl
from tests.methods.stated import check_counts, check_refused, trains

N, WIDTH, SHARE = 3, 6, 0.6


def changed_by(shaken: Clip, blocks: int) -> tuple[Clip, Tensor, list[list[Tensor]], Tensor]:
    """An edited copy, and for each tower the tokens of each upper block; last the second projection."""
    method = MMRL(MMRL.Params(n=N, width=WIDTH, blocks=blocks, share=SHARE))
    changed, _, edit = edited_anew(method, shaken, std=0.7)
    assert edit.tokens is None and len(class_tokens(method, edit)) == len(NAMES)
    shared, *layers, projection = (parameter.detach().double() for parameter in edit.trains)
    mapped = [shared @ weight.T + bias for weight, bias in zip(layers[0::2], layers[1::2], strict=True)]
    images = min(blocks, 3)
    return changed, shared, [mapped[:images], mapped[images:]], projection


def both(first: Tensor, second: Tensor) -> Tensor:
    return torch.cat([SHARE**0.5 * F.normalize(first, dim=-1), (1 - SHARE) ** 0.5 * F.normalize(second, dim=-1)], -1)


@torch.no_grad()
@pytest.mark.parametrize("blocks", [1, 2, 7])  # the image tower has three, the text tower two
def test_by_hand_in_both_towers(shaken: Clip, blocks: int) -> None:
    changed, _, (in_image, in_text), projection = changed_by(shaken, blocks)
    plain: Any = exact(shaken)
    assert len(in_image) == min(blocks, 3) and len(in_text) == min(blocks, 2)
    images = changed.image(pictures())
    for b, picture in enumerate(pictures()):
        x = plain.image.stages[0](picture[None])[0]
        length = len(x)
        for number, block in enumerate(plain.image.blocks, start=len(in_image) - 3):
            if number >= 0:
                x = torch.cat([x[:length], in_image[number]])
            x = block(x[None])[0]
        head = plain.image.head
        seen = torch.stack([head.ln_post(x[length + k]) for k in range(N)]).mean(0) @ projection
        close(images[b], both(head.ln_post(x[0]) @ head.proj, seen))
    texts = changed.text(tokenize([f"a {name}" for name in NAMES]))
    for c, name in enumerate(NAMES):
        x = plain.text.stages[0](tokenize([f"a {name}"]))[0]
        words = len(x)
        for number, block in enumerate(plain.text.blocks, start=len(in_text) - 2):
            if number >= 0:
                x = torch.cat([x[:1], in_text[number], x[1 - words :]])
            x = block(x[None])[0]
        head = plain.text.head
        text = head.ln_final(x[-1]) @ head.text_projection
        close(texts[c], both(text, text))


@torch.no_grad()
def test_the_cosine_of_what_the_towers_give_is_the_blend(shaken: Clip) -> None:
    changed, *_ = changed_by(shaken, 2)
    images, texts = changed.image(pictures()), changed.text(tokenize(list(NAMES)))
    assert images.shape == (3, 2 * shaken.features)
    torch.testing.assert_close(images.norm(dim=1), torch.ones(3)), torch.testing.assert_close(texts.norm(dim=1), torch.ones(3))
    f, r = (unit(part) for part in images.chunk(2, 1))
    t = unit(texts.chunk(2, 1)[0])
    np.testing.assert_allclose((images @ texts.T).numpy(), SHARE * f @ t.T + (1 - SHARE) * r @ t.T, atol=1e-5)


@pytest.mark.parametrize(("share", "weight"), [(0.7, 0.5), (0.4, 6.0)])
def test_its_loss(clip: Clip, share: float, weight: float) -> None:
    method, forward = MMRL(MMRL.Params(share=share, weight=weight)), drawn_forward(copies=2)
    seen = arrays(forward)
    f, r = (unit(part) for part in np.split(seen["image"], 2, axis=1))
    t = unit(np.split(seen["text"], 2, axis=1)[0])
    expected = share * cross_entropy(SCALE * f @ t.T, seen["labels"])
    expected += (1 - share) * cross_entropy(SCALE * r @ t.T, seen["labels"])
    expected += weight * np.mean([1 - f[b] @ seen["frozen_image"][b] for b in range(len(f))])
    expected += weight * np.mean([1 - t[c] @ seen["frozen_text"][c] for c in range(len(t))])
    loss = method.adapt(clip, start()).loss
    assert loss is not None and float(loss(forward)) == pytest.approx(expected, rel=1e-5)


def test_the_start(clip: Clip) -> None:
    torch.manual_seed(0)
    width = clip.image.width
    shared, *layers, projection = (each.detach() for each in MMRL(MMRL.Params(n=40)).adapt(clip, start()).trains)
    assert shared.shape == (40, 512) and float(shared.std()) == pytest.approx(0.02, rel=0.05)
    weights = layers[0::2]
    assert all(torch.equal(weights[0], each) for each in weights[1:3]) and torch.equal(weights[3], weights[4])
    assert float(projection.std()) == pytest.approx(width**-0.5, rel=0.1)


def test_counts(vit: Backbone) -> None:
    check_counts(vit, MMRL, trains(4_992_256))


def test_what_trains(clip: Clip) -> None:
    def mapped(tower: str, part: str, stages: tuple[int, ...]) -> set[str]:
        return {f"{tower}.stages.{stage}.{part}.layer.{which}" for stage in stages for which in ("weight", "bias")}

    method = MMRL(MMRL.Params(blocks=2))
    shared = {"image.stages.2.prompts.prompts.prompts", "image.stages.4.proj_rep"}
    assert names_that_train(method, clip) == {*shared, *mapped("image", "prompts", (2, 3)), *mapped("text", "tokens", (1, 2))}


@torch.no_grad()
@pytest.mark.parametrize("family", ["average pooling, norm before it", "SigLIP", "PE-Core"])
def test_a_tower_that_pools_does_so_without_the_tokens(family: str) -> None:
    clip, (pixels, _) = split_towers(build(family)), inputs(family)
    plain, method = copy.deepcopy(clip.image), MMRL(MMRL.Params(n=2, width=8, blocks=1))
    method.adapt(clip, start())
    tokens, upper = clip.image.stages[-2].prompts(), plain.stages[-2]
    before = plain(pixels, stop=len(plain.stages) - 2)
    after = upper(torch.cat([before, tokens.expand(len(before), -1, -1)], 1))
    own = F.normalize(plain.head(after[:, : before.shape[1]]), dim=-1)
    found = clip.image(pixels)[:, : own.shape[1]]
    torch.testing.assert_close(found, own * 0.7**0.5, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("shots", SHOTS)
def test_recipe_and_views(shots: int) -> None:
    assert MMRL().recipe(start(shots)) == dassl(lr=1e-3, batch=32, epochs=50, optimiser="adamw")
    assert MMRL().views("classification") == Views(count=10, smallest_crop=0.5)
    assert MMRL.kinds == {"classification"} and MMRL().params == MMRL.Params(5, 512, 7, 0.7, 0.5, 1e-3)


def test_its_class_texts_are_the_tasks_own() -> None:
    own = ("a drawing of a {}.", "a {}.")
    assert MMRL().templates(own) == MMRL().frozen_templates(own) == own[:1]


@pytest.mark.parametrize("text", ["n=0", "width=0", "blocks=0", "share=1", "share=0"])
def test_refused_values(text: str) -> None:
    check_refused(f"mmrl[{text}]", "at least 1, and share between 0 and 1")
