"""What a kind of task is. A kind is one object in one table (`bench.kinds.KINDS`): a fourth is a file beside the others.

N examples, C classes, I different images, d width of the shared space, B examples of a batch.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol

import numpy as np

from bench.kinds.metrics import Metric, Reliability

if TYPE_CHECKING:  # records and reports ask kinds for names alone, and torch takes seconds
    from torch import Tensor, nn

    from methods.base import Start
    from tasks.base import Split, Task


@dataclass(frozen=True)
class Scored:
    """What scores came to: metrics, the arrays from which they can be computed again, and perhaps bins of confidence."""

    metrics: dict[str, Metric]
    arrays: dict[str, np.ndarray]
    reliability: Reliability | None = None


class Batch(Protocol):
    """What a step of training inside the encoders gives a kind to make its loss of."""

    @property
    def labels(self) -> Tensor:
        """[B]"""
        ...

    @property
    def image_numbers(self) -> Tensor:
        """[B], equal for rows of the same image."""
        ...

    @property
    def negatives(self) -> int | None:
        """A contrastive loss tells apart groups of so many; None: the whole batch."""
        ...

    def scores(self) -> Tensor:
        """[B, C]"""
        ...

    def pairs(self) -> tuple[Tensor, Tensor]:
        """Features [B, d] of each row's image and of its own text."""
        ...

    def compare(self, image: Tensor, text: Tensor) -> Tensor:
        """Scores [B, B] of features [B, d] of images with those of texts."""
        ...


@dataclass(frozen=True)
class FrozenTexts:
    """What a kind makes the frozen features of texts of."""

    task: Task
    texts: list[str]  # of the examples; empty where they have none
    encode: Callable[[list[str]], Tensor]  # texts -> raw features
    class_texts: Callable[[], Tensor]  # features [C, d]
    candidates: bool  # whether those that cost a text per example are wanted


class Kind(ABC):
    """How tasks of one kind are drawn, learnt, scored and named."""

    name: ClassVar[str]
    headline: ClassVar[str]  # the metric that stands for it in rankings and tables
    headline_title: ClassVar[str]
    columns: ClassVar[Mapping[str, str]] = {}  # further metrics that its tables show, and their short titles
    shots_title: ClassVar[str] = "shots (labelled examples per class)"
    examples: ClassVar[str] = "examples"  # what its rows are called
    duration: ClassVar[float] = 1.0  # seconds of a cell as a multiple of a classification's, in the reference run
    has_classes: ClassVar[bool] = True  # False: a row's right answer is the row itself, nothing is drawn or counted by class
    text_per_example: ClassVar[bool] = True  # False: every image is compared with the same texts, those of the classes

    @property
    def by_class_texts(self) -> bool:
        """Whether the texts of the classes are enough to score images by, so that any model with two towers can."""
        return self.has_classes and not self.text_per_example

    def scored_images(self, split: Split, rows: Sequence[int]) -> Sequence[int]:
        """The rows whose images are scored when `rows` are."""
        return rows

    @abstractmethod
    def expected_shape(self, split: Split, rows: Sequence[int], classes: int) -> tuple[int, int]:
        """Of the scores of these rows."""

    def majority(self, split: Split, rows: Sequence[int]) -> float | None:
        """What always giving the most frequent class of these rows scores, 0..1; None where there are no classes."""
        return None

    @abstractmethod
    def score(self, scores: np.ndarray, split: Split, rows: Sequence[int]) -> Scored:
        """Of scores in the expected shape. The one place where labels meet scores."""

    @abstractmethod
    def rescore(self, arrays: Mapping[str, np.ndarray], examples: int | None) -> tuple[dict[str, Metric], Reliability | None]:
        """The same from saved arrays. examples: how many there must be, if that is known.

        Raises ValueError, KeyError for arrays that are none of these.
        """

    @abstractmethod
    def counted(self, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
        """What each test example counts in the headline metric [N], 0..1, from saved arrays; the metric is its mean."""

    @abstractmethod
    def loss(self, batch: Batch) -> Tensor:
        """What training inside the encoders descends on."""

    def own_head(self, start: Start) -> nn.Module | None:
        """The head that is trained along with an encoder where the method brings none; None: cosine to the texts."""
        return None

    @property
    def head_reads_features(self) -> bool:
        """Whether `own_head` starts from the support's frozen features."""
        return False

    @abstractmethod
    def frozen_texts(self, asked: FrozenTexts) -> tuple[Tensor | None, Tensor | None]:
        """Raw features of the examples' own texts [N, d], and of the candidates that their images are compared with."""

    def texts(self, task: Task, split: Split, rows: Sequence[int], template: str) -> tuple[list[str], list[int] | None]:
        """What goes through the text tower for these rows: each different text once, and which of them each row has.

        None for the latter: all rows are compared with all of the texts.
        """
        if not self.text_per_example:
            return task.class_texts(template), None
        assert split.texts is not None
        mine = [split.texts[row] for row in rows]
        place = {text: number for number, text in enumerate(dict.fromkeys(mine))}
        return list(place), [place[text] for text in mine]
