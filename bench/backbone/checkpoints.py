"""Checkpoint files: OpenAI's, open_clip's, safetensors. Nothing in a file is run, and what doesn't fit is an error.

OpenAI's files are TorchScript archives, or state dictionaries with three numbers beside the weights; open_clip's are
dictionaries with `state_dict`, whose names may start with `module.`; safetensors hold nothing but weights. Of other
dictionaries the one of weights is taken, whatever it is called, if it is the only one.
"""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from open_clip.convert import convert_state_dict
from open_clip.model import convert_to_custom_text_state_dict, resize_pos_embed, resize_text_pos_embed
from safetensors.torch import load_file
from torch import Tensor, nn

from bench.errors import UsageError

OPENAI_NUMBERS = ("input_resolution", "context_length", "vocab_size")
PREFIXES = ("module.", "_orig_mod.", "model.", "clip.", "clip_model.")
SAVE = "save the weights alone, as torch.save(model.state_dict(), FILE)"
NAMED = 5  # keys that an error names
PREFERRED = ("open_clip_model.safetensors", "open_clip_pytorch_model.safetensors", "open_clip_pytorch_model.bin")
SUFFIXES = (".safetensors", ".bin", ".pth", ".pt")


@dataclass(frozen=True)
class Checkpoint:
    """The weights in a file, by name."""

    path: Path
    weights: Mapping[str, Tensor]
    openai: bool = False  # in OpenAI's form, whose models all have QuickGELU


def read_checkpoint(path: Path) -> Checkpoint:
    """Raises UsageError for a file that isn't a checkpoint."""
    if not path.is_file():
        raise UsageError(f"{path}: there is no such file: give a checkpoint's path")
    try:
        with warnings.catch_warnings(action="ignore"):  # of old pickles, and of TorchScript's age
            found = _read(path)
    except Exception as error:  # a damaged file may raise anything from three readers
        reason = "it holds more than weights" if "weights_only" in str(error) else _line(error)
        raise UsageError(
            f"{path}: can't be read as a checkpoint ({reason}): use OpenAI's, open_clip's or a safetensors, or {SAVE}"
        ) from error
    weights = _without_prefix(_weights(path, found))
    openai = OPENAI_NUMBERS[0] in weights
    weights = {key: value for key, value in weights.items() if key not in OPENAI_NUMBERS}
    return Checkpoint(path, weights, openai)


def _weights(path: Path, found: Any) -> Mapping[str, Any]:
    """The dictionary of weights in what a file holds: all of it, its `state_dict`, or the only one that there is."""
    if not isinstance(found, Mapping):
        raise UsageError(f"{path}: holds {type(found).__name__}, no dictionary of weights: {SAVE}")
    found = {str(key): value for key, value in found.items()}
    if _are_weights(found):
        return {key: value for key, value in found.items() if isinstance(value, Tensor) or key in OPENAI_NUMBERS}
    inside = [key for key, value in found.items() if isinstance(value, Mapping) and _are_weights(value)]
    chosen = "state_dict" if "state_dict" in inside else inside[0] if len(inside) == 1 else None
    if chosen is not None:
        return {str(key): value for key, value in found[chosen].items() if isinstance(value, Tensor) or key in OPENAI_NUMBERS}
    if inside:
        raise UsageError(f"{path}: holds several dictionaries of weights, {_first(inside)}: save the one that is meant alone")
    raise UsageError(f"{path}: holds no dictionary of weights, its keys are {_first(list(found)) or 'none'}: {SAVE}")


def _are_weights(values: Mapping[Any, Any]) -> bool:
    """Plain numbers may stand beside the weights: OpenAI's three, a step, an epoch."""
    weights = [value for value in values.values() if not isinstance(value, int | float)]
    return bool(weights) and all(isinstance(value, Tensor) for value in weights)


def _without_prefix(weights: Mapping[str, Any]) -> dict[str, Any]:
    """The same without what programs put before all names: parallel, compiled and wrapped models."""
    found = dict(weights)
    while prefix := next((each for each in PREFIXES if all(name.startswith(each) for name in found)), None):
        found = {name.removeprefix(prefix): value for name, value in found.items()}
    return {name.removeprefix("module."): value for name, value in found.items()}


def _read(path: Path) -> Any:
    if path.suffix == ".safetensors":
        return load_file(str(path))
    if _is_torchscript(path):
        return torch.jit.load(str(path), map_location="cpu").state_dict()
    return torch.load(path, map_location="cpu", weights_only=True)


def checkpoint_in(folder: Path) -> Path:
    """The checkpoint of a folder in open_clip's layout. Raises UsageError if there is none, or no telling which."""
    for name in PREFERRED:
        if (folder / name).is_file():
            return folder / name
    found = sorted(file for file in folder.iterdir() if file.suffix in SUFFIXES)
    if len(found) != 1:
        what = f"{len(found)} checkpoints ({', '.join(file.name for file in found)})" if found else "no checkpoint"
        raise UsageError(f"{folder}: holds {what}: put one there as {PREFERRED[0]}")
    return found[0]


def fit(model: Any, checkpoint: Checkpoint, resize: bool = False) -> None:
    """Load a CLIP's weights, all of them and no others.

    resize: positional embeddings of another size are interpolated, as open_clip does for what it offers by name.
    Raises UsageError.
    """
    weights = convert_state_dict(model, dict(checkpoint.weights))
    if "positional_embedding" in weights:
        weights = convert_to_custom_text_state_dict(weights)
    for name in ("logit_scale", "logit_bias"):
        if name in weights and getattr(model, name) is not None:
            weights[name] = weights[name].reshape(getattr(model, name).shape)
    if resize:
        resize_pos_embed(weights, model)
        resize_text_pos_embed(weights, model)
    load_strictly(model, weights, checkpoint.path)


def load_strictly(module: nn.Module, weights: Mapping[str, Tensor], where: object) -> None:
    """Raises UsageError unless names and shapes are the same on both sides and all numbers are finite.

    What the module makes itself, such as the ids of positions, may be in the file or not.
    """
    ours = {name: value for name, value in module.state_dict().items() if not _is_made(name)}
    theirs = {name: value for name, value in weights.items() if not _is_made(name)}
    missing, unexpected = [key for key in ours if key not in theirs], [key for key in theirs if key not in ours]
    if missing or unexpected:
        parts = [
            f"{len(keys)} {what} ({_first(keys)})" for what, keys in (("missing", missing), ("unexpected", unexpected)) if keys
        ]
        raise UsageError(f"{where}: doesn't fit the model: {', '.join(parts)}: use a checkpoint of this very model")
    wrong = [
        f"{key} {tuple(theirs[key].shape)}, not {tuple(ours[key].shape)}" for key in ours if theirs[key].shape != ours[key].shape
    ]
    if wrong:
        raise UsageError(
            f"{where}: doesn't fit the model: {len(wrong)} of another shape ({_first(wrong)}): use another model name"
        )
    bad = [key for key, value in theirs.items() if value.is_floating_point() and not bool(torch.isfinite(value).all())]
    if bad:
        raise UsageError(f"{where}: {len(bad)} weights hold numbers that are not finite ({_first(bad)}): the file is damaged")
    module.load_state_dict(dict(theirs), strict=False)


def _is_made(name: str) -> bool:
    return name.endswith(("position_ids", "token_type_ids", "num_batches_tracked")) or name == "attn_mask"


def _first(keys: list[str]) -> str:
    return ", ".join(keys[:NAMED]) + (", ..." if len(keys) > NAMED else "")


def _line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__


def _is_torchscript(path: Path) -> bool:
    """Both forms of torch are zip archives; only TorchScript has code in it."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any("/code/" in name or name.endswith("constants.pkl") for name in archive.namelist())
