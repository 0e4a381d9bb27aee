"""Stored results: what a cell fitted and nothing else, in a file that says all that is needed to score with it again."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from PIL import Image
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from bench.backbone import Backbone
from bench.cell.fitting.fitting import Fitting
from bench.cell.prepare import freeze, prepare
from bench.errors import UsageError
from bench.features.bank import Bank
from bench.kinds import KINDS
from bench.meter import Meter
from bench.plan.episode import Episode
from bench.store.record import CellInfo
from methods.base import Method
from tasks.base import Split, SplitName, Task
from tasks.images import White, open_image


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
    tensors = {name: value.detach().cpu().contiguous() for name, value in fitted.stored().items()}
    return save(tensors, {"bench": msgspec.json.encode(about).decode()})


def read_stored(path: Path) -> tuple[Stored, dict[str, Tensor]]:
    """Raises UsageError for a file that isn't one of ours."""
    try:
        with safe_open(str(path), "pt") as file:
            about = msgspec.json.decode((file.metadata() or {})["bench"], type=Stored)
            return about, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, KeyError, msgspec.MsgspecError) as error:
        raise UsageError(f"{path}: not a stored result of this program ({error}): make it with run --save-weights") from error


@dataclass
class Scorer:
    """Scores images, and texts with them, by a stored result."""

    about: Stored
    method: Method
    backbone: Backbone
    tensors: Mapping[str, Tensor]
    device: str = "cpu"

    def __post_init__(self) -> None:
        if self.backbone.fingerprint != self.about.fingerprint:
            raise UsageError(
                f"stored on backbone {self.about.backbone} with fingerprint {self.about.fingerprint}, "
                f"but {self.backbone.name} has {self.backbone.fingerprint}: use the very weights that it was fitted on"
            )
        with tempfile.TemporaryDirectory() as folder:
            self._fitted(Path(folder))

    def __call__(self, images: Sequence[Image.Image | Path | str], texts: Sequence[str] | None = None) -> Tensor:
        """Scores [N, C]; retrieval: [N, N], images by texts.

        texts: the sentence or question of each image on pair tasks, the captions for retrieval; None otherwise.
        Raises UsageError if the kind of task wants them otherwise.
        """
        if (texts is None) == KINDS[self.about.kind].text_per_example:
            raise UsageError(f"{self.about.kind} tasks {'take no texts' if texts is not None else 'need a text per image'}")
        if texts is not None and len(texts) != len(images):
            raise UsageError(f"got {len(images)} images and {len(texts)} texts: give one text per image")
        ids = [f"{number}" for number in range(len(images))]
        labels = np.full(len(images), -1, dtype=np.int64)
        white = None if self.about.white is None else White(self.about.white)
        split = Split(ids, lambda row: _opened(images[row], white), labels, None if texts is None else list(texts))
        with tempfile.TemporaryDirectory() as folder:
            return self._fitted(Path(folder)).score(split, range(len(images)))

    def _fitted(self, folder: Path) -> Fitting:
        about = self.about
        task = Task(
            name=about.task,
            kind=about.kind,
            version="",
            class_names=about.class_names,
            load=_no_data,
            templates=about.templates,
            candidate=about.candidate,
        )
        bank = Bank(folder, Meter(self.device))
        frozen = freeze(self.method, self.backbone, task, bank, device=self.device, precision=about.precision)
        fitted = prepare(self.method, frozen, Episode(about.shots, 0, ()))
        with torch.random.fork_rng(devices=[]):
            fitted.restore(self.tensors, about.examples)
        return fitted


def _no_data(split: SplitName) -> Split:
    raise RuntimeError("a stored result has no data")


def _opened(image: Image.Image | Path | str, white: White | None) -> Image.Image:
    return image if isinstance(image, Image.Image) else open_image(Path(image), white)
