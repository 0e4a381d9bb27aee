"""LP-FT: full fine-tuning from the linear probe."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from bench.backbone import Backbone, Clip
from methods.lp_ft import LPFT
from tests.methods.encoders import start, within
from tests.methods.heads import WIDTH, array, check_logistic, close
from tests.methods.recipes import SHOTS, strong
from tests.methods.stated import check_counts, check_rows, trains
from tests.methods.towers import check_moves


def test_its_head_starts_at_the_logistic_regression_on_raw_features(clip: Clip) -> None:
    began = start()
    assert began.support is not None
    head: Any = LPFT().adapt(clip, began).head
    check_logistic(head.linear, array(began.support.features.image_raw), began.support.labels.numpy())
    images = 3 * torch.randn(5, WIDTH, generator=torch.Generator().manual_seed(1))
    close(head(images, None), array(images) @ array(head.linear.weight).T + array(head.linear.bias))
    assert [name for name, _ in head.named_parameters()] == ["linear.weight", "linear.bias"]
    assert not LPFT.starts_at_zero_shot


def test_the_image_tower_moves_and_nothing_else(shaken: Clip) -> None:
    check_moves(LPFT(), shaken, within("image."))


def test_counts(vit: Backbone) -> None:
    check_counts(vit, LPFT, trains(86_197_770))


@pytest.mark.parametrize("shots", SHOTS)
def test_recipe(shots: int) -> None:
    assert LPFT().recipe(start(shots)) == strong(shots)


def test_it_is_for_classifications_and_in_no_group_of_its_own_accord() -> None:
    assert LPFT.kinds == {"classification"}
    check_rows("lilt", LPFT)
