"""What makes a backbone the one that it is: weights, architecture as built, preprocessing and tokenizer.

Two models of the same weights are two where one has another activation, norm, number of heads, way of pooling or mask.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import torch
from open_clip.hf_model import HFTextEncoder
from open_clip.transform import PreprocessCfg
from torch import Tensor, nn

from bench.backbone.hugging_face import text_identity

# Of a module, what its output depends on beside its weights. Others are sizes, which weights show, or don't matter in use.
TELLING = (
    *("eps", "num_heads", "heads", "approximate", "negative_slope", "num_groups", "groups"),
    *("stride", "padding", "padding_mode", "dilation", "kernel_size", "ceil_mode", "count_include_pad", "output_size"),
    *("pool_type", "global_pool", "attn_pool_type", "final_ln_after_pool", "pad_id", "eos_id", "use_pad_mask"),
    *(
        "correct_cls_mask",
        "context_length",
        "image_size",
        "patch_size",
        "num_prefix_tokens",
        "scale",
        "is_causal",
        "layer_norm_eps",
        "hidden_act",
    ),
)
SAMPLES = ("a photo of a red star.", "Two dogs, 12 cats: what's left?", "naïve café \u4f60\u597d")


def fingerprint(model: nn.Module, preprocess: PreprocessCfg, tokenizer: Any, crop: float = 1.0) -> str:
    """16 hex digits. crop: the share of a picture's sides, in its middle, that is looked at."""
    digest = hashlib.sha256((repr(preprocess) if crop == 1 else f"{preprocess!r} {crop:g}").encode())
    text = getattr(model, "text", None)
    if isinstance(text, HFTextEncoder):  # its folder says more than its weights do
        digest.update(text_identity(text, tokenizer).encode())
    digest.update(repr(tokenizer([*SAMPLES]).tolist()).encode())
    for line in vocabulary(tokenizer):
        digest.update(line.encode("utf-8", "surrogatepass"))
    for line in built(model):
        digest.update(line.encode())
    for name, value in sorted({**model.state_dict(), **dict(model.named_buffers())}.items()):  # some buffers no file holds
        digest.update(f"{name} {tuple(value.shape)} {value.dtype}".encode())
        digest.update(_bytes(value))
    return digest.hexdigest()[:16]


def vocabulary(tokenizer: Any) -> Iterator[str]:
    """The tokens with their numbers, and the order in which pieces are joined to them."""
    inner = getattr(tokenizer, "tokenizer", tokenizer)
    tokens = inner.get_vocab() if hasattr(inner, "get_vocab") else getattr(inner, "encoder", {})
    for table in (tokens, getattr(inner, "bpe_ranks", {})):
        yield repr(sorted(table.items(), key=lambda item: item[1]))
    backend = getattr(inner, "backend_tokenizer", None)  # of a fast one, whose text differs between versions of its library
    yield "" if backend is None else repr(json.loads(backend.to_str())["model"].get("merges"))


def built(model: nn.Module) -> Iterator[str]:
    """A line for each module: its place, its kind, and what its output depends on beside its weights."""
    for name, module in model.named_modules():
        told = {key: vars(module)[key] for key in TELLING if isinstance(vars(module).get(key), bool | int | float | str | tuple)}
        yield f"{name} {type(module).__name__} {sorted(told.items())}\n"


def _bytes(value: Tensor) -> Any:
    return value.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().data
