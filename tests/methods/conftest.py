"""Backbones: a small one to compute with, and the shapes of real ones to count on."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator

import open_clip
import pytest
import torch
from torch import nn

from bench.backbone import Backbone, Clip
from bench.backbone.shapes import SHAPES, shape
from bench.backbone.tower import Tower
from bench.backbone.towers import split_towers
from tests.methods.encoders import tokenize
from tests.methods.stated import Shapes

PREPROCESS = {"mean": (0.5,) * 3, "std": (0.25,) * 3}


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Threads that wait for each other take longer than these small products do."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def make_small() -> Clip:
    """Three image and two text blocks with random weights."""
    model = open_clip.CustomTextCLIP(
        embed_dim=16,
        vision_cfg={"image_size": 32, "layers": 3, "width": 32, "head_width": 16, "patch_size": 8},
        text_cfg={"context_length": 24, "vocab_size": 90, "width": 32, "heads": 4, "layers": 2},
    )
    model.visual.preprocess_cfg = PREPROCESS
    return split_towers(model)


@pytest.fixture(scope="session")
def small_clip() -> Clip:
    """Copy it before changing it."""
    torch.manual_seed(0)
    clip = make_small().eval().requires_grad_(False)
    clip.anew = make_small
    return clip


@pytest.fixture
def clip(small_clip: Clip) -> Clip:
    return copy.deepcopy(small_clip)


@pytest.fixture
def shaken(clip: Clip) -> Clip:
    """Biases, norms and embeddings away from zero, one, and each other's likeness, so that nothing hides behind them."""
    torch.manual_seed(4)
    for name, parameter in clip.named_parameters():
        if parameter.ndim == 1 or "embedding" in name:
            nn.init.normal_(parameter, std=0.5)
    return clip


def make_vit() -> Clip:
    """ViT-B-16 without weights."""
    with torch.device("meta"):
        model = open_clip.CustomTextCLIP(**open_clip.get_model_config("ViT-B-16"))
    model.visual.preprocess_cfg = PREPROCESS
    return split_towers(model)


@pytest.fixture(scope="session")
def vit() -> Shapes:
    """ViT-B-16 to count on. No weights: copying them takes seconds for each method, copying their shapes takes none."""
    clip = make_vit().eval().requires_grad_(False)
    clip.anew = make_vit
    nothing = Clip(Tower([], "", 768), Tower([], "", 512), nn.Parameter(torch.tensor(math.log(100.0))), clip.features)
    return Shapes(
        "ViT-B-16", *(Backbone("ViT-B-16", each, tokenize, lambda image: image, 224, "", "") for each in (clip, nothing))
    )


@pytest.fixture(scope="session")
def deit_bert() -> Shapes:
    """LilT's towers to count on."""
    pytest.importorskip("transformers", reason="BERT comes with the extra [hf]")
    (name,) = SHAPES
    return Shapes(name, shape(name), shape(name))
