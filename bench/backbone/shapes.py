"""Backbones that have shapes and no weights, for counting parameters: nothing is downloaded and nothing can be computed."""

from __future__ import annotations

import torch
from open_clip.hf_model import HFTextEncoder

from bench.backbone.load import Backbone
from bench.backbone.towers import split_towers
from bench.backbone.unaligned import CONTEXT_LENGTH, Align, Unaligned, image_tower, library, lilt_text

DIM = 256
SHAPES = {"DeiT-base + BERT-base": "timm/deit_base_patch16_224/random"}  # name -> image model; the text model is BERT-base


def shape(name: str) -> Backbone:
    """LilT's two towers. Raises UsageError if the transformers library is not installed."""
    config = library("transformers").BertConfig()  # its defaults are BERT-base's sizes
    with torch.device("meta"):
        visual = image_tower(Align(image=SHAPES[name], text="hf/bert-base-uncased/random", dim=DIM))
        text = HFTextEncoder("", DIM, config, pooler_type="cls_last_hidden_state_pooler", proj_type="linear")
        clip = split_towers(Unaligned(visual, lilt_text(text, DIM))).eval().requires_grad_(False)

    def no_words(texts: list[str]) -> torch.Tensor:
        return torch.ones(len(texts), CONTEXT_LENGTH, dtype=torch.long)

    return Backbone(name, clip, no_words, lambda image: image, 256, "", "", aligned=False)
