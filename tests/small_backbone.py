"""A backbone to fit every method to within seconds."""

from __future__ import annotations

import dataclasses

import open_clip
import torch

from bench.backbone import Backbone, Clip, load
from bench.backbone.towers import split_towers


def made() -> Clip:
    model = open_clip.CustomTextCLIP(
        embed_dim=32,
        vision_cfg={"image_size": 48, "layers": 2, "width": 32, "head_width": 16, "patch_size": 16},
        text_cfg={"context_length": 32, "vocab_size": 2000, "width": 48, "heads": 4, "layers": 2},
    )
    model.visual.preprocess_cfg = {"mean": (0.5,) * 3, "std": (0.25,) * 3}
    return split_towers(model)


def small_backbone() -> Backbone:
    """Two small blocks a tower with random weights; tokenizer and preprocessing of the bundled one."""
    torch.manual_seed(0)
    clip = made().eval().requires_grad_(False)
    clip.anew = made
    return dataclasses.replace(load("bundled"), clip=clip, fingerprint="small")
