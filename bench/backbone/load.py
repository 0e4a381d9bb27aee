"""Loading a backbone by name.

bundled               the small model that ships with this program
MODEL/PRETRAINED      as open_clip names them: ViT-B-16/openai, ViT-B-32/laion2b_s34b_b79k, or a checkpoint file
MODEL/random          random weights, seeded; marked as such in every table
local-dir:FOLDER      open_clip's own folder layout
hf-hub:OWNER/NAME     the same, from the Hugging Face hub
"""

from __future__ import annotations

import hashlib
import json
import logging
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import open_clip
import torch
from open_clip.tokenizer import SimpleTokenizer
from open_clip.transform import PreprocessCfg, image_transform_v2
from torch import Tensor
from torchvision import transforms

from bench.backbone.towers import Clip, split_towers
from bench.errors import UsageError, unknown

BUNDLED = Path(__file__).parent / "bundled"
MERGES = "merges.txt.gz"


@dataclass(frozen=True)
class Backbone:
    """A loaded model with everything that belongs to it."""

    name: str
    clip: Clip  # frozen, in eval mode; methods get private copies
    tokenizer: Callable[[list[str]], Tensor]  # texts -> token ids [N, context length]
    resize: Callable[[Any], Any]  # PIL image -> PIL image of the tower's size, by the model's own preprocessing
    size: int  # side of the input in pixels
    preprocessing: str  # how an image becomes pixels, in words: part of the bank's keys
    fingerprint: str

    def tokenize(self, texts: list[str]) -> Tensor:
        """Token ids [N, L], cut to the longest of these texts."""
        tokens = self.tokenizer(texts)
        return tokens[:, : text_length(tokens)]


def text_length(tokens: Tensor) -> int:
    """Position after the last token that isn't padding, over all texts of tokens [N, L]."""
    return int(tokens.nonzero()[:, 1].max()) + 1


def load(name: str, device: str = "cpu") -> Backbone:
    """Load a backbone, frozen and in eval mode. Raises UsageError for names or files that don't work."""
    model, tokenizer = _bundled() if name == "bundled" else _open_clip(name)
    preprocess = PreprocessCfg(**model.visual.preprocess_cfg)
    side = preprocess.size[0] if isinstance(preprocess.size, tuple | list) else preprocess.size
    fingerprint = _fingerprint(model, preprocess)
    clip = split_towers(model).to(device).eval().requires_grad_(False)
    steps = image_transform_v2(preprocess, is_train=False).transforms
    geometric = [step for step in steps if not isinstance(step, transforms.ToTensor | transforms.Normalize)]
    words = f"{side} px, {preprocess.resize_mode}, {preprocess.interpolation}"
    return Backbone(name, clip, tokenizer, transforms.Compose(geometric), side, words, fingerprint)


def _bundled() -> tuple[Any, Any]:
    weights = BUNDLED / "open_clip_model.safetensors"
    if not weights.is_file():
        raise UsageError(f"{weights}: missing: make it with 'python -m bench pretrain'")
    return _open_clip(f"local-dir:{BUNDLED}")


def bundled_tokenizer(folder: Path = BUNDLED) -> SimpleTokenizer:
    config = json.loads((folder / "open_clip_config.json").read_text())["model_cfg"]["text_cfg"]
    return SimpleTokenizer(str(folder / MERGES), context_length=config["context_length"])


def _open_clip(name: str) -> tuple[Any, Any]:
    if name.startswith(("local-dir:", "hf-hub:")):
        folder = Path(name.removeprefix("local-dir:"))
        own_merges = (folder / MERGES).is_file()
        return _create(name), bundled_tokenizer(folder) if own_merges else open_clip.get_tokenizer(name)
    model, _, pretrained = name.partition("/")
    if model not in open_clip.list_models():
        raise unknown("backbone", model, ["bundled", *open_clip.list_models()])
    if not pretrained:
        tags = open_clip.list_pretrained_tags_by_model(model)
        raise UsageError(
            f"backbone {name!r} names no weights: use one of {', '.join(f'{model}/{tag}' for tag in [*tags, 'random'])}"
        )
    if pretrained == "random":
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return _create(model), open_clip.get_tokenizer(model)
    if not Path(pretrained).is_file() and pretrained not in open_clip.list_pretrained_tags_by_model(model):
        raise unknown(f"weights for {model}", pretrained, [*open_clip.list_pretrained_tags_by_model(model), "random"])
    return _create(model, pretrained=pretrained), open_clip.get_tokenizer(model)


def _create(name: str, **options: Any) -> Any:
    log = logging.getLogger()
    level = log.level
    log.setLevel(logging.CRITICAL)  # open_clip warns of random weights, which were asked for by name
    try:
        return open_clip.create_model(name, precision="fp32", force_custom_text=True, weights_only=True, **options)
    except (RuntimeError, OSError, ValueError, KeyError, pickle.UnpicklingError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UsageError(f"backbone {name!r} can't be loaded: {reason}") from error
    finally:
        log.setLevel(level)


def _fingerprint(model: Any, preprocess: PreprocessCfg) -> str:
    digest = hashlib.sha256(repr(preprocess).encode())
    for key, value in sorted(model.state_dict().items()):
        digest.update(f"{key} {tuple(value.shape)} {value.dtype}".encode())
        digest.update(value.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()[:16]
