"""2SFS: what its two stages train, and the class weights of the second against numpy."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch

from bench.backbone import Backbone, Clip
from methods.two_stage import ClassWeights, TwoStage
from tests.methods.encoders import BIASES, NAMES, NORMS, names_that_train, start
from tests.methods.heads import SCALE, WIDTH, array, close, unit
from tests.methods.recipes import SHOTS, common
from tests.methods.stated import build, check_counts, check_refused, trains
from tests.methods.towers import by_hand, check, check_moves


def test_every_layernorm_trains_first(shaken: Clip) -> None:
    check_moves(TwoStage(), shaken, NORMS)


def test_biases_or_lora_train_first_on_request(clip: Clip) -> None:
    assert names_that_train(build("two-stage[first=bitfit]"), clip) == BIASES  # type: ignore[arg-type]
    assert names_that_train(build("two-stage[first=lora]"), clip) == names_that_train(build("lora"), clip)  # type: ignore[arg-type]


def test_the_class_weights_start_at_the_class_texts_and_score_by_the_cosine() -> None:
    torch.manual_seed(0)
    head, texts, images = ClassWeights(3, WIDTH, torch.tensor(SCALE)), torch.randn(3, WIDTH), 3 * torch.randn(5, WIDTH)
    head.begin(texts)
    close(head.weight, unit(texts))
    close(head(images, None), SCALE * unit(images) @ unit(texts).T)
    torch.nn.init.normal_(head.weight)
    close(head(images, None), SCALE * unit(images) @ unit(array(head.weight)).T)
    assert set(head.state_dict()) == {"weight"}


def test_the_handover_comes_after_the_share_of_the_steps(clip: Clip) -> None:
    for method, share in ((TwoStage(), 0.6), (TwoStage(TwoStage.Params(share=0.25)), 0.25)):
        edit = method.adapt(copy.deepcopy(clip), start())
        head: Any = edit.head
        assert edit.handover is not None and edit.handover.at == share
        assert head.weight.shape == (len(NAMES), 16) and float(head.scale) == pytest.approx(float(clip.logit_scale.exp()))
        edit.handover.begin(torch.ones(len(NAMES), 16))
        assert bool((head.weight == 0.25).all())


def test_it_starts_at_zero_shot(shaken: Clip) -> None:
    plain = by_hand(shaken)
    TwoStage().adapt(shaken, start())
    assert TwoStage.starts_at_zero_shot
    check(shaken, plain)


def test_counts(vit: Backbone) -> None:
    others = trains(171_008 + 5_120, params="first=bitfit"), trains(184_320 + 5_120, params="first=lora")
    check_counts(vit, TwoStage, trains(65_536 + 5_120), *others)


@pytest.mark.parametrize("shots", SHOTS)
def test_recipe(shots: int) -> None:
    assert TwoStage().recipe(start(shots)) == common(shots)


def test_it_is_for_classifications() -> None:
    assert TwoStage.kinds == {"classification"}
    check_refused("two-stage[share=1.5]", "share must be between 0 and 1")
