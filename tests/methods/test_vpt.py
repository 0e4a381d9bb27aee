"""VPT: prompts among the patches, by an image tower that is run by hand."""

from __future__ import annotations

import pytest
import torch

from bench.backbone import Backbone, Clip
from methods.vpt import VPT
from tests.methods.encoders import edited_anew, names_that_train, start
from tests.methods.prompted import close, exact, image_by_hand, pictures
from tests.methods.recipes import SHOTS, dassl
from tests.methods.stated import check_counts, check_refused, trains


@torch.no_grad()
@pytest.mark.parametrize("depth", [1, 2, 3, 12])
def test_by_hand(shaken: Clip, depth: int) -> None:
    changed, drawn, _ = edited_anew(VPT(VPT.Params(n_ctx=2, depth=depth)), shaken, std=0.7)
    assert len(drawn) == min(depth, 3)
    features, plain = changed.image(pictures()), exact(shaken)
    for b, picture in enumerate(pictures()):
        close(features[b], image_by_hand(plain, picture, [each.double() for each in drawn.values()]))


@torch.no_grad()
def test_shallow_prompts_stay_through_all_blocks(shaken: Clip) -> None:
    changed, _, _ = edited_anew(VPT(VPT.Params(n_ctx=2, depth=1)), shaken, std=0.7)
    plain_length = changed.image(pictures(), stop=1).shape[1]
    for stop in (2, 3, 4):
        assert changed.image(pictures(), stop=stop).shape[1] == plain_length + 2
    before_last = changed.image(pictures(1), stop=3)
    without = before_last.clone()
    without[:, plain_length:] = 0
    outputs = [changed.image(None, 3, hidden) for hidden in (before_last, without)]
    assert not torch.allclose(outputs[0], outputs[1], atol=1e-3)


def test_the_start_is_small_and_random(clip: Clip) -> None:
    torch.manual_seed(0)
    drawn = torch.cat([prompt.detach().flatten() for prompt in VPT().adapt(clip, start()).trains])
    assert float(drawn.std()) == pytest.approx(0.02, rel=0.1)
    assert abs(float(drawn.mean())) < 0.003


def test_counts(vit: Backbone) -> None:
    check_counts(vit, VPT, trains(73_728), trains(6_144, params="depth=1"))


@pytest.mark.parametrize("kind", ["classification", "pair", "retrieval"])
def test_what_trains(clip: Clip, kind: str) -> None:
    first = "image.stages.1.prompts.prompts.prompts"  # the only ones that pass a norm
    assert names_that_train(VPT(), clip, kind) == {first, *(f"image.stages.{stage}.prompts.prompts" for stage in (2, 3))}


@pytest.mark.parametrize("shots", SHOTS)
def test_recipe(shots: int) -> None:
    assert VPT().recipe(start(shots)) == dassl(lr=2.5e-3, batch=4, epochs=5)


def test_its_class_texts_are_photos() -> None:
    assert VPT().templates(("a drawing of a {}.", "the {}.")) == ("a photo of a {}.",)


@pytest.mark.parametrize("text", ["n_ctx=0", "depth=0"])
def test_refused_values(text: str) -> None:
    check_refused(f"vpt[{text}]", "n_ctx and depth must be at least 1")
