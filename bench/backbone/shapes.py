"""Backbones that have shapes and no weights, for counting parameters: nothing is downloaded and nothing can be computed."""

from __future__ import annotations

import open_clip
import torch
from open_clip.constants import OPENAI_DATASET_MEAN, OPENAI_DATASET_STD
from open_clip.hf_model import HFTextEncoder

from bench.backbone.load import Backbone
from bench.backbone.towers import Clip, split_towers
from bench.backbone.unaligned import CONTEXT_LENGTH, Align, Unaligned, image_tower, library, lilt_text

DIM = 256
LILT = {"DeiT-base + BERT-base": "timm/deit_base_patch16_224/random"}  # name -> image model; the text model is BERT-base


def shape(name: str) -> Backbone:
    """A model of open_clip's list with towers of its own, by name, or LilT's two towers.

    Raises UsageError if the transformers library is not installed, which these take.
    """
    return _lilts(name) if name in LILT else _open_clips(name)


def _open_clips(name: str) -> Backbone:
    def fresh() -> Clip:
        with torch.device("meta"):
            model = open_clip.CustomTextCLIP(**open_clip.get_model_config(name))
        model.visual.preprocess_cfg = {"mean": OPENAI_DATASET_MEAN, "std": OPENAI_DATASET_STD}
        return split_towers(model)

    clip = fresh().eval().requires_grad_(False)
    clip.anew = fresh
    return Backbone(name, clip, open_clip.get_tokenizer(name), lambda image: image, 224, "", "")


def _lilts(name: str) -> Backbone:
    config = library("transformers").BertConfig()  # its defaults are BERT-base's sizes
    with torch.device("meta"):
        visual = image_tower(Align(image=LILT[name], text="hf/bert-base-uncased/random", dim=DIM))
        text = HFTextEncoder("", DIM, config, pooler_type="cls_last_hidden_state_pooler", proj_type="linear")
        clip = split_towers(Unaligned(visual, lilt_text(text, DIM))).eval().requires_grad_(False)

    def no_words(texts: list[str]) -> torch.Tensor:
        return torch.ones(len(texts), CONTEXT_LENGTH, dtype=torch.long)

    return Backbone(name, clip, no_words, lambda image: image, 256, "", "", aligned=False)
