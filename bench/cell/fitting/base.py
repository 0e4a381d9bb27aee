"""What the two kinds of fitting share."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bench.cell.blank import blank_support
from bench.errors import UsageError
from bench.features.frozen import Frozen
from bench.plan.episode import Episode
from bench.store.record import Training
from methods.base import Features, HeadMethod, Support
from tasks.base import Split

CHUNK = 256  # examples that are scored at once


class UndeclaredParameters(RuntimeError):
    """What a method made trainable is not what it declared."""


@dataclass
class Fitting:
    """One method on one episode; the package's docstring lists the steps in their order."""

    method: Any
    frozen: Frozen
    episode: Episode
    cap: int | None
    stretch: float
    training: Training | None = field(default=None, init=False)
    module: Any = field(default=None, init=False)  # what trains and scores, from `build` on

    @property
    def task(self) -> Any:
        return self.frozen.task

    @property
    def device(self) -> str:
        return self.frozen.device

    @property
    def scale(self) -> float:
        return math.exp(float(self.frozen.backbone.clip.logit_scale.detach()))

    def collect_start(self) -> None: ...
    def build(self) -> None: ...
    def collect_rows(self) -> None: ...
    def train(self) -> None: ...
    def collect(self, split: Split, rows: Sequence[int]) -> None: ...

    def predict(self) -> Tensor:
        """Scores [N, C] of the collected examples; retrieval: [I, N], different images by captions."""
        raise NotImplementedError

    def on(self, frozen: Frozen) -> Fitting:
        """The same fitted model on another task."""
        other = copy.copy(self)
        other.frozen = frozen
        return other

    def collect_validation(self) -> None: ...

    def finish(self) -> Mapping[str, Any]:
        """What the method does after training; under protocol `val` it may choose on the validation set."""
        raise NotImplementedError

    def trained(self) -> dict[str, nn.Parameter]:
        """Everything that trained, by name."""
        raise NotImplementedError

    def stored(self) -> dict[str, Tensor]:
        """What must be kept to score again with `restore`, by name."""
        raise NotImplementedError

    def restore(self, stored: Mapping[str, Tensor], examples: int) -> None:
        """Instead of all steps up to `finish`: take over what an earlier fitting to `examples` examples has stored.

        Raises UsageError if it doesn't fit method and backbone.
        """
        raise NotImplementedError

    def total_parameters(self) -> int:
        raise NotImplementedError

    def blank_support(self, examples: int) -> Support:
        """A support of the right sizes, for building what is then restored."""
        return blank_support(
            self.task.kind,
            len(self.task.class_names),
            examples,
            self.frozen.backbone.clip.features,
            shots=self.episode.shots,
            task=self.task.name,
            logit_scale=self.scale,
            device=self.device,
        )

    def features(
        self, split: Split, rows: Sequence[int], candidates: bool = True, images: Sequence[int] | None = None
    ) -> Features:
        """Frozen features of some rows, on the cell's device. images: the rows whose images are meant, if not the same."""
        clip = self.frozen.backbone.clip
        texts = None if split.texts is None else [split.texts[row] for row in rows]
        last = len(clip.text.stages)
        image = self.frozen.images(split, rows if images is None else images, len(clip.image.stages))
        own, others = None, None
        if self.task.kind == "classification":
            others = self._class_features(last)
        elif self.task.kind == "retrieval":
            assert texts is not None
            others = self.frozen.texts(texts, last)[1]
        else:
            assert texts is not None
            own = self.frozen.texts(texts, last)[1]
            if candidates and self.task.candidate is not None:
                answers = [answer for text in texts for answer in self.task.candidates(text)]
                flat = self.frozen.texts(answers, last)[1]
                assert flat is not None
                others = flat.view(len(rows), len(self.task.class_names), -1)
        on_device = [None if part is None else part.to(self.device) for part in (own, others)]
        return Features(image.to(self.device), *on_device)

    def _class_features(self, last: int) -> Tensor:
        """[C, d] of the class texts; over several templates the mean of the unit features."""
        templates = self.method.templates(self.task.templates) if isinstance(self.method, HeadMethod) else self.task.templates[:1]
        found = [self.frozen.texts(self.task.class_texts(template), last)[1] for template in templates]
        by_template = [features for features in found if features is not None]
        if len(by_template) == 1:
            return by_template[0]
        return torch.stack([F.normalize(features, dim=-1) for features in by_template]).mean(0)

    def support(self, split: Split, rows: Sequence[int], candidates: bool = True, augmented: bool = True) -> Support:
        """A labelled set as a head sees it, with the views that the method asks for unless it is to be scored only."""
        views = self.frozen.narrowed(self.method.views())
        stages = len(self.frozen.backbone.clip.image.stages)
        with_views = augmented and isinstance(self.method, HeadMethod) and views.count > 0
        return Support(
            kind=self.task.kind,
            task=self.task.name,
            shots=self.episode.shots,
            classes=len(self.task.class_names),
            features=self.features(split, rows, candidates),
            labels=torch.as_tensor(split.labels[list(rows)], device=self.device),
            logit_scale=self.scale,
            views_raw=self.frozen.images(split, rows, stages, views).to(self.device) if with_views else None,
        )


def load_exactly(into: Mapping[str, Tensor], stored: Mapping[str, Tensor]) -> None:
    """Copy tensors by name. Raises UsageError unless names and shapes are the same on both sides."""
    ours, theirs = ({name: tuple(value.shape) for name, value in side.items()} for side in (into, stored))
    if ours != theirs:
        name = next(iter(sorted(set(ours.items()) ^ set(theirs.items()))))[0]
        raise UsageError(f"stored weights don't fit: {name} is {theirs.get(name, 'missing')}, expected {ours.get(name, 'none')}")
    with torch.no_grad():
        for name, value in stored.items():
            into[name].copy_(value)
