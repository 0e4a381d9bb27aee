"""What a task is. A task gives lazily decoded examples; it knows no backbone and no method.

Kinds:
    classification   image -> class                   label is the class
    pair             image + text -> class            entailment, question answering over closed answers
    retrieval        image <-> caption                rows with the same image id share the image
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from PIL import Image
from scipy.sparse import csr_array

from bench.errors import DataError
from tasks.image_files import Files

SplitName = Literal["train", "val", "test"]


@dataclass(frozen=True)
class Sources:
    """Where the data of tasks that aren't bundled may be taken from."""

    data_root: Path | None = None  # folder of data sets in the layouts that the field has on disk
    support: Path | None = None  # folder of published few-shot index files that stand in for the draw of supports
    other_counts: bool = False  # whether a data set of other counts than the catalogue's is taken, as a split of its own
    plugins: tuple[Path, ...] = ()  # Python files with more tasks
    memory: Path | None = None  # folder of what is remembered of the data's files; see tasks/contents.py

    @property
    def root(self) -> Path | None:
        """The data root, None if none is given. Raises DataError if it isn't there."""
        if self.data_root is None:
            return None
        root = self.data_root.expanduser()
        if not root.is_dir():
            raise DataError(f"--data-root {self.data_root}: no such folder: give the one that holds the folders of the data sets")
        return root

    def folder(self, name: str) -> Path | None:
        """A data set's folder in the data root, None if it isn't there. Raises DataError for a data root that isn't there."""
        return self.root / name if self.root is not None and (self.root / name).is_dir() else None


NO_SOURCES = Sources()


@dataclass(frozen=True)
class Augmentation:
    """Which augmentations keep the task's labels true; a method's policy is narrowed to it."""

    smallest_crop: float = 0.08  # least share of the area that a random resized crop may keep; 1: no crop
    flip: bool = True  # whether left and right may be swapped


@dataclass(frozen=True)
class Budget:
    """What a small task is content with: most optimiser steps of a recipe, unless `--recipe paper` lifts the cap, and more."""

    head_steps: int
    prompt_steps: int  # prompts train against banked image features, so that their steps are cheap
    encoder_steps: int
    elsewhere: int | None = None  # most test examples of any other task that the fitted model is scored on; None: all

    def steps(self, family: str) -> int:
        """The cap for a family of methods. Raises KeyError for one that nobody knows."""
        inside = dict.fromkeys(("inside the encoder", "full"), self.encoder_steps)
        return {"zero-shot": 0, "head": self.head_steps, "prompt": self.prompt_steps, **inside}[family]


@dataclass(frozen=True)
class Split:
    """Examples of one split, images decoded on demand.

    ids: image ids, stable and unique within the task; rows of the same image (several questions, several
    captions) share the id. image: several threads call it at once. texts: the sentence, question or caption of each row,
    None for classification. labels: [N] int64 class numbers; -1 throughout for retrieval, where the row itself is the match.
    credit: sparse [N, C], 0..1, what each answer is worth where there is more to it than right and wrong; a row whose
    answer is none of the classes is labelled -1 then: nothing learns from it, and it is scored by its credit.
    files: those of the rows, where each image is a file.
    """

    ids: Sequence[str]
    image: Callable[[int], Image.Image]  # row number -> RGB image; raises DataError that names the file
    labels: np.ndarray
    texts: Sequence[str] | None = None
    credit: csr_array | None = None
    files: Files | None = None

    def __post_init__(self) -> None:
        if len(self.labels) != len(self.ids) or (self.texts is not None and len(self.texts) != len(self.ids)):
            raise ValueError("a split's ids, labels and texts must be of one length")
        if self.credit is not None and self.credit.shape[0] != len(self.ids):
            raise ValueError(f"a split of {len(self.ids)} rows can't have credit for {self.credit.shape[0]}")

    def __len__(self) -> int:
        return len(self.ids)

    def part(self, rows: Sequence[int]) -> Split:
        """Some of the rows as a split of their own."""
        return Split(
            [self.ids[row] for row in rows],
            lambda row: self.image(rows[row]),
            self.labels[list(rows)],
            None if self.texts is None else [self.texts[row] for row in rows],
            None if self.credit is None else self.credit[list(rows)],
            None if self.files is None else self.files.part(rows),
        )


@dataclass(frozen=True)
class Task:
    """One task. `load` is called once per split and may be slow; everything else is at hand."""

    name: str
    kind: str  # a key of `bench.kinds.KINDS`
    version: str  # changes when the data or their labels change
    class_names: tuple[str, ...]  # empty for retrieval
    load: Callable[[SplitName], Split]
    templates: tuple[str, ...] = ("a photo of a {}.",)  # the first is the task's single template
    licence: str = "unknown"
    origin: str = "bundled generator"  # where data and split come from; figures of different origins don't compare
    augmentation: Augmentation = Augmentation()
    budget: Budget | None = None
    candidate: str | None = None  # pair tasks with closed answers: how zero-shot joins question and answer
    shot_unit: int = 1  # retrieval: training pairs per shot
    sizes: Mapping[SplitName, int] = field(default_factory=dict)  # rows of each split, where known before any is loaded
    split_origin: str = ""  # whose split, if it isn't the one that the field reports on: such cells have tables of their own
    grown_from: int | None = None  # retrieval: pairs of the train pool before it grew; what fits into them is drawn from them
    alignment_budget: Budget | None = None  # on towers that have never met
    white: float | None = None  # the value that is shown white in its greys of more than 8 bits; see tasks/images.py
    notes: tuple[str, ...] = ()  # what a reader of its figures should know of the data
    transfers: tuple[str, ...] = ()  # retrieval, likewise: classification tasks that the result is tried on by class texts
    whole: str = ""  # name of the task that this is a part of: banked rows, supports and index files are that one's
    half: str = ""  # "base" or "new": which half of the whole's classes

    @cached_property
    def train(self) -> Split:
        return self.load("train")

    @cached_property
    def val(self) -> Split:
        return self.load("val")

    @cached_property
    def test(self) -> Split:
        return self.load("test")

    @property
    def data(self) -> str:
        """The name under which what depends on the examples alone is kept and drawn."""
        return self.whole or self.name

    def for_alignment(self) -> Task:
        """The task as it is asked of towers that have never met: shots are pairs, as all is learnt from them."""
        return replace(self, shot_unit=1, budget=self.alignment_budget or self.budget)

    def class_texts(self, template: str | None = None) -> list[str]:
        """The texts [C] of the classes under one template, by default the task's own."""
        return [(template or self.templates[0]).format(name) for name in self.class_names]

    def candidates(self, text: str) -> list[str] | None:
        """Zero-shot's texts [C] for one row of a closed-answer task; None where nothing principled exists."""
        if self.candidate is None:
            return None
        return [self.candidate.format(text=text, answer=name) for name in self.class_names]


class Entry(Protocol):
    """One data set of the catalogue: known before any of its data are here."""

    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def classes(self) -> int:
        """Their number; 0 for retrieval."""
        ...

    @property
    def sizes(self) -> Mapping[SplitName, int]:
        """Rows that each split must have."""
        ...

    @property
    def licence(self) -> str: ...

    def state(self, sources: Sources) -> str:
        """In a few words: which folder is missing, or how much would be downloaded from where; touches no network.

        Begins with "ready" where nothing is missing.
        """
        ...

    def task(self, sources: Sources) -> Task:
        """Raises DataError that names what is missing and the remedy."""
        ...
