"""Stored results: what a cell fitted and nothing else, in a file that says all that is needed to score with it again."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from bench.cell.fitting.fitting import Fitting
from bench.errors import UsageError
from bench.store.record import CellInfo


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """What the file says about itself."""

    method: str
    params: dict[str, Any]  # resolved, with what the validation set chose
    backbone: str
    fingerprint: str
    precision: str
    task: str
    kind: str
    class_names: tuple[str, ...]
    templates: tuple[str, ...]
    candidate: str | None
    shots: int
    examples: int  # of the support
    white: float | None = None  # of the task's pictures of more than 8 bits


def stored_bytes(fitted: Fitting, cell: CellInfo, examples: int, chosen: Mapping[str, Any]) -> bytes:
    """A safetensors file of what was fitted."""
    fields = {field.name for field in dataclasses.fields(fitted.method.params)}
    about = Stored(
        method=cell.method,
        params={**cell.params, **{key: value for key, value in chosen.items() if key in fields}},
        backbone=cell.backbone,
        fingerprint=cell.fingerprint,
        precision=cell.precision,
        task=cell.task,
        kind=cell.kind,
        class_names=fitted.task.class_names,
        templates=fitted.task.templates,
        candidate=fitted.task.candidate,
        shots=fitted.episode.shots,
        examples=examples,
        white=fitted.task.white,
    )
    return packed(about, {name: value.detach().cpu().contiguous() for name, value in fitted.stored().items()})


def packed(about: Stored, tensors: Mapping[str, Tensor]) -> bytes:
    """The file."""
    return save(dict(tensors), {"bench": msgspec.json.encode(about).decode()})


def read_stored(path: Path) -> tuple[Stored, dict[str, Tensor]]:
    """Raises UsageError for a file that isn't one of ours."""
    try:
        with safe_open(str(path), "pt") as file:
            about = msgspec.json.decode((file.metadata() or {})["bench"], type=Stored)
            return about, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, KeyError, msgspec.MsgspecError) as error:
        raise UsageError(f"{path}: not a stored result of this program ({error}): make it with run --save-weights") from error
