"""A fitted model as one uses it: scores, classes and probabilities of any images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from bench.backbone import Backbone
from bench.cell.fitting.fitting import CHUNK, Fitting
from bench.cell.prepare import prepare
from bench.cell.weights import Stored, packed
from bench.errors import UsageError
from bench.features.bank import Account
from bench.features.frozen import Frozen
from bench.features.passing import Passing
from bench.kinds import KINDS
from bench.plan.episode import Episode
from bench.writing import write_whole
from methods.base import Method
from tasks.base import Split, SplitName, Task
from tasks.images import White, as_rgb, open_image

Picture = Image.Image | Path | str | np.ndarray  # an array [H, W, 3] or [H, W] of uint8


@dataclass
class Scorer:
    """Scores images, and texts with them, by what was fitted. Texts that are the same for all images are encoded once.

    whole_batches: to the bit what a cell scores, by batches of one shape, which is slow for few images; else equal up to
    rounding.
    """

    about: Stored
    method: Method = field(repr=False)
    backbone: Backbone = field(repr=False)
    tensors: Mapping[str, Tensor] = field(repr=False)
    device: str = "cpu"
    whole_batches: bool = False
    fitted: Fitting = field(init=False, repr=False)

    def __post_init__(self) -> None:
        about = self.about
        if self.backbone.fingerprint != about.fingerprint:
            raise UsageError(
                f"stored on backbone {about.backbone} with fingerprint {about.fingerprint}, "
                f"but {self.backbone.name} has {self.backbone.fingerprint}: use the very weights that it was fitted on"
            )
        task = Task(
            name=about.task,
            kind=about.kind,
            version="",
            class_names=about.class_names,
            load=_no_data,
            templates=about.templates,
            candidate=about.candidate,
        )
        squashed = self.method.views(about.kind).squash
        frozen = Frozen(self.backbone, task, Passing(), Account(), self.device, about.precision, squashed, self.whole_batches)
        self.fitted = prepare(self.method, frozen, Episode(about.shots, 0, ()))
        with torch.random.fork_rng(devices=[]):
            self.fitted.restore(self.tensors, about.examples)
        self.fitted.fix_texts()

    @property
    def classes_(self) -> np.ndarray:
        """The names of the classes [C], in the order of scores and probabilities."""
        return np.array(self.about.class_names)

    def __call__(self, images: Sequence[Picture], texts: Sequence[str] | None = None) -> Tensor:
        """Scores [N, C]; retrieval: [N, N], images by texts.

        texts: the sentence or question of each image on pair tasks, the captions for retrieval; None otherwise.
        Raises UsageError if the kind of task wants them otherwise, DataError for an image that can't be read.
        """
        several(images)
        kind = KINDS[self.about.kind]
        if (texts is None) == kind.text_per_example:
            raise UsageError(f"{self.about.kind} tasks {'take no texts' if texts is not None else 'need a text per image'}")
        if texts is not None and len(texts) != len(images):
            raise UsageError(f"got {len(images)} images and {len(texts)} texts: give one text per image")
        ids = [f"{number}" for number in range(len(images))]
        labels = np.full(len(images), -1, dtype=np.int64)
        white = None if self.about.white is None else White(self.about.white)
        split = Split(ids, lambda row: opened(images[row], white), labels, None if texts is None else list(texts))
        if not len(images):
            return torch.zeros(0, len(self.about.class_names))
        together = CHUNK if kind.has_classes else len(images)
        parts = [range(start, min(start + together, len(images))) for start in range(0, len(images), together)]
        return torch.cat([self.fitted.score(split, part) for part in parts])

    def predict_proba(self, images: Sequence[Picture], texts: Sequence[str] | None = None) -> np.ndarray:
        """Probabilities [N, C] of the classes: the softmax of the scores. Raises as a call, and for retrieval."""
        if not KINDS[self.about.kind].has_classes:
            raise UsageError(f"a {self.about.kind} model has no classes: call it for the scores of images by texts")
        found: np.ndarray = self(images, texts).softmax(-1).numpy()
        return found

    def predict(self, images: Sequence[Picture], texts: Sequence[str] | None = None) -> np.ndarray:
        """The name of the likeliest class of each image [N]. Raises as `predict_proba`."""
        found: np.ndarray = self.classes_[self.predict_proba(images, texts).argmax(-1)]
        return found

    def save(self, path: Path) -> None:
        """Keep it as one file, which `bench.api.load` reads."""
        write_whole(path, packed(self.about, self.tensors))


def _no_data(split: SplitName) -> Split:
    raise RuntimeError("a stored result has no data")


def opened(image: Picture, white: White | None = None) -> Image.Image:
    """As RGB. Raises UsageError for an array of another form, DataError for a file that can't be read."""
    if isinstance(image, Image.Image):
        return as_rgb(image, "an image that was given", white)
    if isinstance(image, np.ndarray):
        if image.dtype != np.uint8 or image.shape[2:] not in ((), (3,)) or image.ndim not in (2, 3):
            raise UsageError(f"an image of shape {image.shape} and type {image.dtype}: give [H, W, 3] or [H, W] of uint8")
        return Image.fromarray(image).convert("RGB")
    return open_image(Path(image), white)


def several(images: Sequence[Picture]) -> None:
    """Raises UsageError for a single image where several are meant."""
    if isinstance(images, str | Path | Image.Image) or (isinstance(images, np.ndarray) and images.ndim < 4):
        raise UsageError("give a list of images, of one image, too: [image]")
