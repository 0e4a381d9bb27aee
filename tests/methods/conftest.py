"""Backbones: a small one to compute with, and the shapes of real ones to count on."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import open_clip
import pytest
import torch
from torch import nn

from bench.backbone import Backbone, Clip
from bench.backbone.shapes import LILT, shape
from bench.backbone.towers import split_towers

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


@pytest.fixture(scope="session")
def vit() -> Backbone:
    """ViT-B-16 to count on. No weights: copying them takes seconds for each method, copying their shapes takes none."""
    return shape("ViT-B-16")


@pytest.fixture(scope="session")
def deit_bert() -> Backbone:
    """LilT's towers to count on."""
    pytest.importorskip("transformers", reason="BERT comes with the extra [hf]")
    return shape(next(iter(LILT)))
