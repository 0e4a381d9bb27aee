"""Which towers have blocks to work on."""

from __future__ import annotations

import pytest
from torch import nn

from bench.backbone import Clip
from bench.backbone.tower import Layer, Tower
from methods.base import NotApplicable
from methods.parts.blocks import transformer_blocks


def test_the_blocks_of_a_transformer(clip: Clip) -> None:
    assert transformer_blocks(clip.image) == list(clip.image.stages[1:4])
    assert transformer_blocks(clip.text) == list(clip.text.stages[1:3])


def test_a_tower_of_other_blocks_has_none() -> None:
    convolutional = Tower([Layer(nn.Conv2d(3, 4, 3)) for _ in range(3)], "ResNet", 4)
    with pytest.raises(NotApplicable, match="the tower ResNet has no transformer blocks"):
        transformer_blocks(convolutional)
