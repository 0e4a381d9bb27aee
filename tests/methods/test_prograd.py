"""ProGrad: what is left of the gradient, in numpy and of a context by two backward passes; the text tower run by hand."""

from __future__ import annotations

import copy
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from bench.backbone import Backbone, Clip
from methods.base import Forward
from methods.coop import CoOp
from methods.prograd import ProGrad, without_conflict
from tests.methods.encoders import FIRST, LAST, NAMES, edited_anew, names_that_train, start, words_of
from tests.methods.forwards import SCALE, drawn_forward
from tests.methods.heads import array
from tests.methods.prompted import class_tokens, close, embedded, exact, text_by_hand
from tests.methods.recipes import SHOTS
from tests.methods.stated import check_counts, check_refused, trains


def left_of(g: np.ndarray, z: np.ndarray, strength: float) -> np.ndarray:
    """As the authors' program has it: by unit vectors, and only where they disagree."""
    direction = z / np.linalg.norm(z)
    return g if (g * direction).sum() >= 0 else g - strength * (g * direction).sum() * direction


@pytest.mark.parametrize("strength", [1.0, 0.8])
@pytest.mark.parametrize("sign", [1, -1])
def test_what_points_against_zero_shot_is_removed(strength: float, sign: int) -> None:
    random = np.random.default_rng(0)
    g, z = random.standard_normal((2, 4, 3))
    z *= sign * np.sign((g * z).sum())
    ours = without_conflict(torch.from_numpy(g), torch.from_numpy(z), strength)
    np.testing.assert_allclose(array(ours), left_of(g, z, strength), rtol=1e-9)
    if sign < 0:
        assert float((array(ours) * z).sum()) == pytest.approx((1 - strength) * (g * z).sum(), abs=1e-12)


def test_a_zero_shot_that_is_agreed_with_fully_changes_nothing() -> None:
    gradient = torch.randn(4, 3)
    assert torch.equal(without_conflict(gradient, torch.zeros(4, 3), 1.0), gradient)


@pytest.mark.parametrize("sign", [1, -1])  # zero-shot that agrees, and that doesn't
def test_the_loss_has_the_gradient_that_is_left(shaken: Clip, sign: int) -> None:
    method = ProGrad(ProGrad.Params(n_ctx=5))
    changed, _, edit = edited_anew(method, shaken, std=0.7)
    (context,) = edit.trains
    drawn, tokens, frozen = drawn_forward(width=shaken.features), class_tokens(method, edit), torch.eye(len(NAMES))

    def forward(believed: Tensor) -> Forward:
        text = F.normalize(changed.text(tokens), dim=-1)
        scores = 50 * drawn.image @ text.T
        return replace(drawn, text=text, scores=scores, frozen_image=frozen[believed], frozen_text=frozen)

    def gradients(seen: Forward) -> tuple[Tensor, Tensor]:
        teacher = (SCALE * seen.frozen_image @ seen.frozen_text.T).softmax(1)
        (z,) = torch.autograd.grad(-(teacher * seen.scores.log_softmax(1)).sum(1).mean(), context, retain_graph=True)
        (g,) = torch.autograd.grad(F.cross_entropy(seen.scores, seen.labels), context)
        return g, z

    for answers in product(range(len(NAMES)), repeat=len(drawn.labels)):  # until zero-shot believes what it should
        g, z = gradients(forward(torch.tensor(answers)))
        if np.sign(float((g * z).sum())) == sign:
            break
    else:
        pytest.fail("zero-shot always does otherwise")
    seen = forward(torch.tensor(answers))
    assert edit.loss is not None
    loss = edit.loss(seen)
    assert loss.item() == pytest.approx(F.cross_entropy(seen.scores, seen.labels).item(), rel=1e-5)
    loss.backward()
    gradient: Any = context.grad
    np.testing.assert_allclose(array(gradient), left_of(array(g), array(z), 1.0), rtol=1e-3, atol=1e-5 * float(g.abs().max()))


@torch.no_grad()
def test_its_context_stands_between_start_and_name(shaken: Clip) -> None:
    method = ProGrad(ProGrad.Params(n_ctx=6))
    changed, drawn, edit = edited_anew(method, shaken, std=0.7)
    (context,) = (each.double() for each in drawn.values())
    features, plain = changed.text(class_tokens(method, edit)), exact(shaken)
    for c, name in enumerate(NAMES):
        rows = torch.cat([embedded(plain, [FIRST]), context, embedded(plain, [*words_of(f"{name}."), LAST])])
        close(features[c], text_by_hand(plain, rows))


@pytest.mark.parametrize("n_ctx", [4, 7])
def test_the_start_is_nothing_and_then_a_photo_of_a(clip: Clip, n_ctx: int) -> None:
    words = embedded(clip, words_of("a photo of a"))
    (context,) = ProGrad(ProGrad.Params(n_ctx=n_ctx)).adapt(copy.deepcopy(clip), start()).trains
    assert context.shape == (n_ctx, clip.text.width)
    assert torch.equal(context[-4:], words) and not context[:-4].any()


def test_counts(vit: Backbone) -> None:
    check_counts(vit, ProGrad, trains(8_192), trains(2_048, params="n_ctx=4"))


def test_what_trains(clip: Clip) -> None:
    assert names_that_train(ProGrad(), clip) == {"text.stages.0.prompts.prompts"}


@pytest.mark.parametrize("shots", SHOTS)
def test_recipe_and_texts_are_coops(shots: int) -> None:
    own = ("a photo of a {}.", "a drawing of a {}.")
    assert ProGrad().recipe(start(shots)) == CoOp().recipe(start(shots))
    assert ProGrad().templates(own) == ("{}.",) and ProGrad().frozen_templates(own) == own[:1]
    assert ProGrad.kinds == {"classification"} and ProGrad().params == ProGrad.Params(16, 1.0, 2e-3)


def test_refused_values() -> None:
    check_refused("prograd[n_ctx=3]", "n_ctx must be at least 4")
