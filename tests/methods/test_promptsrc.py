"""PromptSRC: IVLP's prompts under a loss written out in loops, averaged over epochs."""

from __future__ import annotations

import math

import pytest

from bench.backbone import Backbone, Clip
from methods.ivlp import IVLP
from methods.promptsrc import PromptSRC
from tests.methods.encoders import names_that_train, start
from tests.methods.forwards import SCALE, arrays, drawn_forward
from tests.methods.heads import cross_entropy, softmax
from tests.methods.recipes import SHOTS, dassl
from tests.methods.stated import check_counts, check_refused, trains


@pytest.mark.parametrize("weights", [(25.0, 10.0), (3.0, 0.0), (0.0, 0.0)])
def test_its_loss_holds_texts_images_and_scores_at_the_frozen_ones(clip: Clip, weights: tuple[float, float]) -> None:
    method = PromptSRC(PromptSRC.Params(text_weight=weights[0], image_weight=weights[1]))
    forward = drawn_forward()
    seen = arrays(forward)
    batch, classes, width = len(seen["image"]), len(seen["text"]), seen["text"].shape[1]
    text = sum(abs(seen["text"][c, k] - seen["frozen_text"][c, k]) for c in range(classes) for k in range(width))
    image = sum(abs(seen["image"][b, k] - seen["frozen_image"][b, k]) for b in range(batch) for k in range(width))
    p, p0 = softmax(seen["scores"]), softmax(SCALE * seen["frozen_image"] @ seen["frozen_text"].T)
    divergence = sum(p0[b, c] * math.log(p0[b, c] / p[b, c]) for b in range(batch) for c in range(classes))
    expected = cross_entropy(seen["scores"], seen["labels"]) + divergence / (batch * classes)
    expected += weights[0] * text / (classes * width) + weights[1] * image / (batch * width)
    loss = method.adapt(clip, start()).loss
    assert loss is not None and float(loss(forward)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("shots", SHOTS)
def test_the_recipe_is_ivlps_and_keeps_a_gaussian_mean_over_epochs(shots: int) -> None:
    assert PromptSRC().recipe(start(shots)) == dassl(lr=2.5e-3, batch=4, epochs=50, average=(30.0, 30.0))
    late = PromptSRC(PromptSRC.Params(mean=45, deviation=5))
    assert late.recipe(start(shots)).average == (45, 5)


def test_its_prompts_are_ivlps(clip: Clip) -> None:
    assert names_that_train(PromptSRC(), clip) == names_that_train(IVLP(), clip)
    assert PromptSRC.kinds == {"classification"}


def test_the_frozen_texts_are_of_all_templates() -> None:
    own = ("a photo of a {}.", "a drawing of a {}.")
    assert PromptSRC().templates(own) == ("{}.",) and PromptSRC().frozen_templates(own) == own


def test_counts(vit: Backbone) -> None:
    check_counts(vit, PromptSRC, trains(46_080))


def test_refused_values() -> None:
    check_refused("promptsrc[deviation=0]", "deviation must be above 0")
    check_refused("promptsrc[n_ctx=5]", "n_ctx 1 to 4")
