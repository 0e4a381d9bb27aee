"""Small random features and a small random backbone."""

from __future__ import annotations

import copy

import open_clip
import pytest
import torch

from bench.backbone import Clip
from bench.backbone.towers import split_towers
from methods.base import Features, Kind, Support

WIDTH, CLASSES, SHOTS = 6, 3, 4


def random_features(kind: Kind, count: int, seed: int = 0) -> Features:
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator)

    texts = torch.randn(CLASSES, WIDTH, generator=torch.Generator().manual_seed(99))
    return Features(
        3 * draw(count, WIDTH),
        draw(count, WIDTH) if kind == "pair" else None,
        texts if kind == "classification" else None,
    )


def random_support(kind: Kind, views: int = 0) -> Support:
    count = CLASSES * SHOTS
    generator = torch.Generator().manual_seed(5)
    return Support(
        kind=kind,
        task="anything",
        shots=SHOTS,
        classes=CLASSES,
        features=random_features(kind, count, seed=1),
        labels=torch.arange(CLASSES).repeat_interleave(SHOTS),
        logit_scale=20.0,
        views_raw=torch.randn(count, views, WIDTH, generator=generator) if views else None,
    )


@pytest.fixture(scope="session")
def small_clip() -> Clip:
    """Three image and two text blocks with random weights; copy it before changing it."""
    torch.manual_seed(0)
    model = open_clip.CustomTextCLIP(
        embed_dim=16,
        vision_cfg={"image_size": 32, "layers": 3, "width": 32, "head_width": 16, "patch_size": 8},
        text_cfg={"context_length": 24, "vocab_size": 90, "width": 32, "heads": 4, "layers": 2},
    )
    model.visual.preprocess_cfg = {"mean": (0.5,) * 3, "std": (0.25,) * 3}
    return split_towers(model).eval().requires_grad_(False)


@pytest.fixture
def clip(small_clip: Clip) -> Clip:
    return copy.deepcopy(small_clip)
