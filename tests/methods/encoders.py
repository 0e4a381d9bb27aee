"""What methods inside the encoder do to the small backbone: names of what trains, values drawn anew."""

from __future__ import annotations

import copy
import zlib
from collections.abc import Iterable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from bench.backbone import Clip
from methods.base import CLASSIFICATION, PAIR, RETRIEVAL, Edit, EncoderMethod, Start
from tests.methods.heads import random_support

FIRST, LAST = 1, 89  # start token, end token
NAMES = ("cat", "old house", "very small red bird")

BLOCKS = {"image": 3, "text": 2}
INSIDE = {f"{tower}.stages.{stage}" for tower, count in BLOCKS.items() for stage in range(1, count + 1)}
ATTENTION = ("attn.q", "attn.k", "attn.v", "attn.out")
LINEARS = {f"{block}.{part}" for block in INSIDE for part in (*ATTENTION, "mlp.c_fc", "mlp.c_proj")}
OUTER_NORMS = {"image.stages.0.ln_pre", "image.stages.4.ln_post", "text.stages.3.ln_final"}
NORM_MODULES = OUTER_NORMS | {f"{block}.{norm}" for block in INSIDE for norm in ("ln_1", "ln_2")}
NORMS = {f"{module}.{part}" for module in NORM_MODULES for part in ("weight", "bias")}
BIASES = {f"{module}.bias" for module in NORM_MODULES | LINEARS}
IMAGE_EMBEDDING = {f"image.stages.0.{part}" for part in ("class_embedding", "positional_embedding", "patches.weight")}
TEXT_EMBEDDING = {"text.stages.0.positional_embedding", "text.stages.0.token_embedding.weight"}
PROJECTIONS = {"image.stages.4.proj", "text.stages.3.text_projection"}
TOWERS = NORMS | BIASES | {f"{module}.weight" for module in LINEARS} | IMAGE_EMBEDDING | TEXT_EMBEDDING | PROJECTIONS
TEMPERATURE = {"logit_scale"}


def within(*prefixes: str) -> set[str]:
    return {name for name in TOWERS if name.startswith(prefixes)}


def words_of(text: str) -> list[int]:
    return [2 + zlib.crc32(word.encode()) % 87 for word in text.replace(".", " .").split()]


def tokenize(texts: Sequence[str]) -> Tensor:
    """A word is a token; cut to the longest text and padded with zeros, as a backbone's."""
    rows = [[FIRST, *words_of(text), LAST] for text in texts]
    longest = max(len(row) for row in rows)
    return torch.tensor([row + [0] * (longest - len(row)) for row in rows])


def start(shots: int = 4, kind: str = CLASSIFICATION) -> Start:
    support = random_support(kind) if kind in (CLASSIFICATION, PAIR) else None
    names = () if kind == RETRIEVAL else NAMES
    return Start(kind, "anything", shots, 3 * shots, names, lambda texts: tokenize(texts), support)


def names_that_train(method: EncoderMethod, clip: Clip, kind: str = CLASSIFICATION) -> set[str]:
    """What the method names, on an edited copy: the backbone's own and what it added. Each stands in the model, once."""
    edited = copy.deepcopy(clip)
    return set(_by_name(edited, method.adapt(edited, start(kind=kind)).trains))


def _by_name(clip: Clip, trains: Iterable[Tensor]) -> dict[str, Tensor]:
    trained, names = list(trains), {parameter: name for name, parameter in clip.named_parameters()}
    found = {names[parameter]: parameter for parameter in trained}
    assert len(found) == len(trained)
    return found


def edited_anew(
    method: EncoderMethod, clip: Clip, kind: str = CLASSIFICATION, std: float = 0.3
) -> tuple[Clip, dict[str, Tensor], Edit]:
    """An edited copy; by name what trains in it, drawn anew and wide so that nothing hides behind small numbers; the edit."""
    edited = copy.deepcopy(clip)
    torch.manual_seed(6)
    edit = method.adapt(edited, start(kind=kind))
    drawn = _by_name(edited, edit.trains)
    with torch.no_grad():
        for parameter in drawn.values():
            parameter.normal_(std=std)
    return edited, {name: parameter.detach() for name, parameter in drawn.items()}, edit


def replaced(clip: Clip, values: Mapping[str, Tensor]) -> Clip:
    """A copy with these parameters at these values."""
    changed = copy.deepcopy(clip)
    parameters = dict(changed.named_parameters())
    with torch.no_grad():
        for name, value in values.items():
            parameters[name].copy_(value)
    return changed


def step_of(model: nn.Module, initial: Mapping[str, Tensor], texts: tuple[Tensor, Tensor] | None = None) -> Any:
    """What a penalty is told of a step."""
    return SimpleNamespace(model=model, initial=initial, texts=lambda: texts)
