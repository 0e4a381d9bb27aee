"""One method fitted to one episode: the walk through a cell, and what the two kinds of fitting share.

The order of the steps stands in `Fitting.steps` and in `Fitting.score`, and nowhere else.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bench.cell.blank import blank_support
from bench.errors import UsageError
from bench.features.frozen import Frozen
from bench.kinds import KINDS, Kind
from bench.kinds.kind import FrozenTexts
from bench.plan.budget import Allowance
from bench.plan.episode import Episode
from bench.store.record import Training
from methods.base import Features, Support
from tasks.base import Split, Task

CHUNK = 256  # examples that are scored at once


class UndeclaredParameters(RuntimeError):
    """What a method made trainable is not what it declared."""


@dataclass(frozen=True)
class Step:
    """One step of the walk."""

    name: str
    phase: Literal["bank", "fit", "predict"]  # what it is charged to


Around = Callable[[Step], AbstractContextManager[object]]  # in which a step is taken: who measures does it here


def plainly(step: Step) -> AbstractContextManager[object]:
    return nullcontext()


@dataclass
class Fitting:
    """One method on one episode."""

    method: Any
    frozen: Frozen
    episode: Episode
    allowance: Allowance = field(default_factory=Allowance)
    training: Training | None = field(default=None, init=False)
    module: Any = field(default=None, init=False)  # what trains and scores, from `build` on
    chosen: dict[str, Any] = field(default_factory=dict, init=False)  # by `finish`
    _fixed_classes: Tensor | None = field(default=None, init=False, repr=False)  # see `fix_texts`

    steps = (
        Step("collect_start", "bank"),  # frozen features that the method needs to begin
        Step("build", "fit"),  # the head, or the edited private copy of the backbone
        Step("collect_rows", "bank"),  # what stands at the cut, for training
        Step("train", "fit"),  # the gradient loop, if there is one
        Step("collect_validation", "bank"),  # the validation set, under protocol `val`
        Step("finish", "fit"),  # what the method does after training; it may choose on the validation set
    )

    def walk(self, *, after: str | None = None, until: str | None = None, around: Around = plainly) -> Fitting:
        """Take the steps that come after the one named, and before the other."""
        names = [step.name for step in self.steps]
        first = 0 if after is None else names.index(after) + 1
        last = len(names) if until is None else names.index(until)
        for step in self.steps[first:last]:
            with around(step):
                getattr(self, step.name)()
        return self

    def score(self, split: Split, rows: Sequence[int], around: Around = plainly) -> Tensor:
        """Scores of these rows by the fitted model, in the kind's shape."""
        with around(Step("collect", "bank")):  # what stands at the cut, for the examples to be scored
            self.collect(split, rows)
        with around(Step("predict", "predict")):
            return self.predict()

    @property
    def task(self) -> Task:
        return self.frozen.task

    @property
    def kind(self) -> Kind:
        return KINDS[self.task.kind]

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
    def collect_validation(self) -> None: ...
    def finish(self) -> None: ...
    def collect(self, split: Split, rows: Sequence[int]) -> None: ...

    def predict(self) -> Tensor:
        """Scores of the collected examples."""
        raise NotImplementedError

    def on(self, frozen: Frozen) -> Fitting:
        """The same fitted model on another task."""
        other = copy.copy(self)
        other.frozen, other._fixed_classes = frozen, None
        return other

    def fix_texts(self) -> None:
        """From here on nothing changes but what is scored: texts that are the same for all examples are encoded once."""
        if not self.kind.text_per_example:
            self._fixed_classes = self.class_features()

    @property
    def compares_texts(self) -> bool:
        """Whether what was fitted compares images with any texts that it is given, and belongs to no classes."""
        raise NotImplementedError

    def settle(self, elsewhere: bool) -> None:
        """Told before scoring whether what follows are classes or data that it was not fitted to."""

    def without_head(self) -> Fitting | None:
        """The same model with the cosine to the texts in place of what belongs to its classes; None: that is the backbone."""
        return None

    def trained(self) -> dict[str, nn.Parameter]:
        """Everything that trained, by name."""
        raise NotImplementedError

    def stored(self) -> dict[str, Tensor]:
        """What must be kept to score again with `restore`, by name."""
        raise NotImplementedError

    def build_blank(self, examples: int) -> Fitting:
        """As `build`, for a support of so many examples of which nothing is known: to count, or to restore into."""
        raise NotImplementedError

    def restore(self, stored: Mapping[str, Tensor], examples: int) -> None:
        """Instead of all steps: take over what an earlier fitting to `examples` examples has stored.

        Raises UsageError if it doesn't fit method and backbone.
        """
        raise NotImplementedError

    def total_parameters(self) -> int:
        raise NotImplementedError

    def blank_support(self, examples: int) -> Support:
        """A support of the right sizes, for building what is then restored."""
        return blank_support(
            self.kind,
            len(self.task.class_names),
            examples,
            self.frozen.backbone.clip.features,
            shots=self.episode.shots,
            task=self.task.name,
            logit_scale=100.0 if self.frozen.backbone.clip.logit_scale.is_meta else self.scale,
            device="cpu" if self.device == "meta" else self.device,  # a closed form may compute with it
        )

    def features(
        self, split: Split, rows: Sequence[int], candidates: bool = True, images: Sequence[int] | None = None
    ) -> Features:
        """Frozen features of some rows, on the cell's device. images: the rows whose images are meant, if not the same."""
        clip = self.frozen.backbone.clip
        image = self.frozen.images(split, rows if images is None else images, len(clip.image.stages))

        texts = [] if split.texts is None else [split.texts[row] for row in rows]
        found = self.kind.frozen_texts(FrozenTexts(self.task, texts, self.encode, self.class_features, candidates))
        own, others = (None if part is None else part.to(self.device) for part in found)
        return Features(image.to(self.device), own, others)

    def encode(self, texts: list[str]) -> Tensor:
        """[T, d] raw features of texts by the frozen backbone."""
        encoded = self.frozen.texts(texts, len(self.frozen.backbone.clip.text.stages))[1]
        assert encoded is not None
        return encoded

    def class_features(self) -> Tensor:
        """[C, d] of the class texts by the frozen backbone; over several templates the mean of the unit features."""
        if self._fixed_classes is not None:
            return self._fixed_classes
        templates = self.method.frozen_templates(self.task.templates)
        by_template = [self.encode(self.task.class_texts(template)) for template in templates]
        if len(by_template) == 1:
            return by_template[0]
        return torch.stack([F.normalize(features, dim=-1) for features in by_template]).mean(0)

    def support(self, split: Split, rows: Sequence[int], candidates: bool = True, views: bool = False) -> Support:
        """A labelled set as a head sees it, with the augmented views that the method asks for where `views`."""
        policy = self.frozen.narrowed(self.method.views(self.task.kind))
        stages = len(self.frozen.backbone.clip.image.stages)
        with_views = views and policy.count > 0
        return Support(
            kind=self.task.kind,
            task=self.task.name,
            shots=self.episode.shots,
            classes=len(self.task.class_names),
            features=self.features(split, rows, candidates),
            labels=torch.as_tensor(split.labels[list(rows)], device=self.device),
            logit_scale=self.scale,
            views_raw=self.frozen.images(split, rows, stages, policy).to(self.device) if with_views else None,
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
