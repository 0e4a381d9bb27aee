"""Loading a backbone by name.

bundled               the small model that ships with this program
bundled-unaligned     two towers of the same shapes that never met: for LilT's question; bundled-unaligned-small: narrower
MODEL/PRETRAINED      as open_clip names them: ViT-B-16/openai, ViT-B-32/laion2b_s34b_b79k
MODEL/FILE            a checkpoint in OpenAI's, open_clip's or safetensors form
MODEL/random          random weights, seeded; marked as such in every table
local-dir:FOLDER      open_clip's own folder layout
hf-hub:OWNER/NAME     the same, from the Hugging Face hub
align(image=..., text=...)   two towers that never met (bench/backbone/unaligned.py)
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import open_clip
import torch
from open_clip.pretrained import download_pretrained_from_hf
from open_clip.tokenizer import SimpleTokenizer
from open_clip.transform import PreprocessCfg, image_transform_v2
from torch import Tensor
from torchvision import transforms

from bench.backbone.checkpoints import checkpoint_in, fit, read_checkpoint
from bench.backbone.fingerprint import fingerprint
from bench.backbone.prepared import note_of, usual
from bench.backbone.towers import Clip, split_towers
from bench.backbone.unaligned import unaligned, unaligned_anew
from bench.errors import UsageError, unknown
from bench.spec import parse_call
from methods.base import TokenLayout

BUNDLED_NAMES = ("bundled", "bundled-unaligned", "bundled-unaligned-small")
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
    aligned: bool = True  # whether the towers share their space already; False: they have never met
    random_weights: bool = False  # never trained: either tower, or both
    notes: tuple[str, ...] = ()  # what a reader of its figures should know

    def tokenize(self, texts: list[str]) -> Tensor:
        """Token ids [N, L], cut to the longest of these texts, unless the text tower reads padding."""
        tokens = self.tokenizer(texts)
        return tokens if self.clip.text.whole else tokens[:, : text_length(tokens, self.clip.text.pad)]

    @cached_property
    def layout(self) -> TokenLayout:
        """How the tokenizer frames a text, found by trying it."""
        pad = self.clip.text.pad
        one, other = (row[: text_length(row[None], pad)] for row in self.tokenizer(["cat", "dog"]))
        return TokenLayout(bool(one[0] == other[0]), bool(one[-1] == other[-1]), pad)


def text_length(tokens: Tensor, pad: int = 0) -> int:
    """Position after the last token that isn't padding, over all texts of tokens [N, L]."""
    return int((tokens != pad).nonzero()[:, 1].max()) + 1


def load(name: str, device: str = "cpu") -> Backbone:
    """Load a backbone, frozen and in eval mode. Raises UsageError for names or files that don't work."""
    with _one_line(name), nullcontext() if name in BUNDLED_NAMES else _code_refused():
        model, tokenizer = _model(name)
        config = dict(model.visual.preprocess_cfg)
        crop = config.pop("crop_pct", 1.0)  # the middle of the picture that is looked at; of timm's models alone
        preprocess = PreprocessCfg(**config)
        prints = fingerprint(model, preprocess, tokenizer, crop)
        clip = split_towers(model).to(device).eval().requires_grad_(False)
    clip.anew = lambda: split_towers(_fresh(name))
    side, other = preprocess.size if isinstance(preprocess.size, tuple | list) else (preprocess.size, preprocess.size)
    steps = image_transform_v2(preprocess, is_train=False).transforms
    geometric = [step for step in steps if not isinstance(step, transforms.ToTensor | transforms.Normalize)]
    words = f"{side} x {other} px, {preprocess.resize_mode}, {preprocess.interpolation}, filled with {preprocess.fill_color}"
    if crop < 1:
        geometric[0] = transforms.Resize(int(side / crop), transforms.InterpolationMode(preprocess.interpolation))
        words += f", the middle {crop:g} of it"
    resize, notes = transforms.Compose(geometric), tuple(filter(None, [note_of(name)]))
    return Backbone(name, clip, tokenizer, resize, side, words, prints, _is_aligned(name), _is_random(name), notes)


def _model(name: str) -> tuple[Any, Any]:
    if name.startswith("align("):
        return unaligned(name)
    return _bundled(name) if name in BUNDLED_NAMES else _open_clip(name)


def folder_of(name: str) -> Path:
    """Where a bundled backbone's configuration, vocabulary and weights are."""
    return Path(__file__).parent / name.replace("-", "_")


def _bundled(name: str) -> tuple[Any, Any]:
    weights = folder_of(name) / "open_clip_model.safetensors"
    if not weights.is_file():
        make = f"'python -m studies.pretrain --backbone {name} --out {weights.parent}'"
        raise UsageError(f"{weights}: missing: make it with {make}")
    return _open_clip(_source(name))


def _source(name: str) -> str:
    return f"local-dir:{folder_of(name)}" if name in BUNDLED_NAMES else name


def _is_aligned(name: str) -> bool:
    """A local folder's configuration may say that its towers have never met: `"aligned": false`."""
    source = _source(name)
    if source.startswith("align("):
        return False
    config = Path(source.removeprefix("local-dir:")) / "open_clip_config.json"
    return not source.startswith("local-dir:") or bool(json.loads(config.read_text()).get("aligned", True))


def _is_random(name: str) -> bool:
    """Of `MODEL/random`, or of a tower of `align(...)` that was asked for at random."""
    if name.startswith("align("):
        return any(value.endswith("/random") for _, value in parse_call(name, "backbone").parameters)
    return name.endswith("/random")


def _fresh(name: str) -> Any:
    """The same model with random weights, by its own initialiser, drawn from torch's global generator."""
    source = _source(name)
    if source.startswith("align("):
        return unaligned_anew(source)
    return _skeleton(source if source.startswith(("local-dir:", "hf-hub:")) else source.partition("/")[0])


def bundled_tokenizer(folder: Path = BUNDLED) -> SimpleTokenizer:
    config = json.loads((folder / "open_clip_config.json").read_text())["model_cfg"]["text_cfg"]
    return SimpleTokenizer(str(folder / MERGES), context_length=config["context_length"])


def _open_clip(name: str) -> tuple[Any, Any]:
    if name.startswith("local-dir:"):
        folder = Path(name.removeprefix("local-dir:"))
        model = _skeleton(name)
        fit(model, read_checkpoint(checkpoint_in(folder)))
        return model, bundled_tokenizer(folder) if (folder / MERGES).is_file() else open_clip.get_tokenizer(name)
    if name.startswith("hf-hub:"):
        model = _skeleton(name)
        fit(model, read_checkpoint(Path(download_pretrained_from_hf(name.removeprefix("hf-hub:")))), resize=True)
        return model, open_clip.get_tokenizer(name)
    architecture, _, weights = name.partition("/")
    if architecture not in open_clip.list_models():
        raise unknown("backbone", architecture, [*BUNDLED_NAMES, *open_clip.list_models()])
    return _weighted(architecture, weights), open_clip.get_tokenizer(architecture)


def _weighted(architecture: str, weights: str) -> Any:
    """A model of open_clip's list with weights by tag, from a file, or random."""
    tags = open_clip.list_pretrained_tags_by_model(architecture)
    if not weights:
        known = ", ".join(f"{architecture}/{tag}" for tag in [*tags, "random"])
        raise UsageError(f"backbone {architecture!r} names no weights: use one of {known}, or {architecture}/FILE")
    if weights == "random":
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return _skeleton(architecture)
    if weights in tags:
        config = open_clip.get_pretrained_cfg(architecture, weights)
        checkpoint = read_checkpoint(Path(open_clip.download_pretrained(config)))
        model = _skeleton(architecture, pretrained=weights, force_quick_gelu=config.get("quick_gelu", False))
        fit(model, checkpoint, resize=True)
        return model
    if not Path(weights).is_file():
        if "/" in weights or Path(weights).suffix:
            raise UsageError(f"{weights}: there is no such file: give a checkpoint's path")
        raise unknown(f"weights for {architecture}", weights, [*tags, "random"])
    checkpoint = read_checkpoint(Path(weights))
    model = _skeleton(architecture, force_quick_gelu=checkpoint.openai, force_preprocess_cfg=usual(architecture)[0])
    fit(model, checkpoint)
    return model


def _skeleton(name: str, **options: Any) -> Any:
    """The model without its weights; Hugging Face towers don't fetch theirs either."""
    return open_clip.create_model(
        name, precision="fp32", force_custom_text=True, load_weights=False, pretrained_text=False, **options
    )


@contextmanager
def _one_line(name: str) -> Iterator[None]:
    """What goes wrong in other libraries becomes one line; their warnings of random weights are left out, as we load those."""
    log = logging.getLogger()
    level = log.level
    log.setLevel(logging.CRITICAL)
    try:
        yield
    except (RuntimeError, OSError, ValueError, KeyError, ImportError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise UsageError(f"backbone {name!r} can't be loaded: {reason}") from error
    finally:
        log.setLevel(level)


@contextmanager
def _code_refused() -> Iterator[None]:
    """open_clip loads text towers without a word on the code that a folder may bring along.

    transformers then asks on the terminal whether to run it; without time for an answer it refuses.
    """
    try:
        from transformers import dynamic_module_utils
    except ImportError:
        yield
        return
    seconds = dynamic_module_utils.TIME_OUT_REMOTE_CODE
    dynamic_module_utils.TIME_OUT_REMOTE_CODE = 0
    try:
        yield
    finally:
        dynamic_module_utils.TIME_OUT_REMOTE_CODE = seconds
