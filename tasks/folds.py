"""Folds of a support: tasks made of nothing but another task's labelled train examples, one fold held out to be scored.

    fold:2/5,most=16,seed=1:SOURCE          the second of five folds of the first 16 examples of each class
    fold:2/5,most=16,seed=1,part=4:SOURCE   the same, learning from the first quarter of each class alone
    fold:0/5,most=16,seed=1:SOURCE          nothing held out: for the last fit; what it scores it has learnt

The support is the one that `run` draws: the first examples of each class in the order of that seed; for retrieval the first
`most` shots of pairs. A fold takes its share of each class, as nearly as images allow that have several rows. Rows of one
image are on one side, and every class keeps at least one example to learn from: the first image of a class that would have
none is in no fold and always learnt from. Neither val nor test is ever loaded. Banked rows are those of the whole task.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from bench.errors import DataError, UsageError
from tasks.base import Split, SplitName, Task
from tasks.order import order_by_class, order_of_all

KEPT = -1  # in place of a fold's number: always learnt from
SCORED = 32  # examples of what was learnt that the last fit is scored on: a cell must score something
HOW = "write fold:2/5,most=16,seed=1:NAME"
_SPEC = re.compile(r"(\d{1,3})/(\d{1,3}),most=(\d{1,9}),seed=(\d{1,9})(?:,part=(\d{1,3}))?")


@dataclass(frozen=True)
class Fold:
    """Which part of which support."""

    number: int  # of the fold that is held out, from 1; 0: none
    count: int  # of the folds
    most: int  # examples per class that are used, where there are so many; retrieval: shots
    seed: int = 1  # of the support
    part: int = 1  # learnt from: the first 1/part of each class of the other folds

    def __str__(self) -> str:
        part = f",part={self.part}" if self.part > 1 else ""
        return f"{self.number}/{self.count},most={self.most},seed={self.seed}{part}"

    def of(self, source: str) -> str:
        """The source of this fold of the task of another source."""
        return f"fold:{self}:{source}"


def parse_fold(text: str) -> tuple[Fold, str]:
    """The fold of a text such as `2/5,most=16,seed=1:digits`, and the source that it is of. Raises UsageError."""
    spec, colon, source = text.partition(":")
    found = _SPEC.fullmatch(spec)
    if found is None or not colon or not source:
        raise UsageError(f"can't read fold {text!r}: {HOW}")
    number, count, most, seed, part = (int(value or 1) for value in found.groups())
    if not (0 <= number <= count and count >= 2 and most >= 1 and part >= 1):
        raise UsageError(f"can't read fold {text!r}: there are folds 0 to N of N, of 2 or more, and at least one example: {HOW}")
    return Fold(number, count, most, seed, part), source


@dataclass(frozen=True)
class Support:
    """The rows of a task's train split that are used, and the fold that each is in."""

    task: Task
    most: int
    count: int
    seed: int = 1

    @cached_property
    def rows(self) -> np.ndarray:
        """Row numbers [N] of the train split, by class, each class in the order in which it is drawn."""
        if not self.task.class_names:
            return order_of_all(self.task, self.task.train, "train", self.seed)[: self.most * self.task.shot_unit]
        orders = order_by_class(self.task, self.task.train, "train", self.seed)
        return np.concatenate([order[: self.most] for order in orders])

    @cached_property
    def folds(self) -> np.ndarray:
        """The fold [N] of each row, from 0, or KEPT."""
        split = self.task.train
        return assign([split.ids[row] for row in self.rows], split.labels[self.rows], self.count)

    def held_out(self, fold: Fold) -> np.ndarray:
        """Rows [M] that are scored, in the order of the split. Raises DataError if there are none."""
        if fold.number == 0:
            places = np.linspace(0, len(self.rows) - 1, min(SCORED, len(self.rows))).round().astype(int)
            return np.sort(self.rows[places])
        mine = self.rows[self.folds == fold.number - 1]
        if not len(mine):
            raise DataError(
                f"task {self.task.name}: fold {fold} holds no example: ask for fewer folds, or more examples per class"
            )
        return np.sort(mine)

    def learnt(self, fold: Fold) -> np.ndarray:
        """Rows [M] that are learnt from, in the order of the split."""
        rows = self.rows[(self.folds != fold.number - 1) | (fold.number == 0)]
        labels = self.task.train.labels[rows]
        parts = [rows[labels == label] for label in np.unique(labels)]
        return np.sort(np.concatenate([part[: -(-len(part) // fold.part)] for part in parts]))


def assign(images: Sequence[str], labels: np.ndarray, count: int) -> np.ndarray:
    """A fold [N], 0..count-1, for each of N rows with images [N] and labels [N], or KEPT.

    Images come in the order of their first rows; each goes to the fold that has the fewest rows of its labels so far, and of
    those to the one that has the fewest rows.
    """
    _, classes = np.unique(labels, return_inverse=True)
    numbers = {image: number for number, image in enumerate(dict.fromkeys(images))}
    image_of = np.array([numbers[image] for image in images], dtype=np.int64)
    rows_of = np.split(np.argsort(image_of, kind="stable"), np.cumsum(np.bincount(image_of))[:-1])
    held = np.zeros((count, int(classes.max()) + 1), dtype=np.int64)  # rows of each class in each fold
    folds = np.empty(len(images), dtype=np.int64)
    for rows in rows_of:
        alike = held[:, np.unique(classes[rows])].sum(1)
        folds[rows] = chosen = int(np.lexsort((held.sum(1), alike))[0])
        np.add.at(held[chosen], classes[rows], 1)
    for number in range(held.shape[1]):
        mine = np.flatnonzero(classes == number)
        if len(np.unique(folds[mine])) == 1 and folds[mine[0]] != KEPT:
            folds[rows_of[image_of[mine[0]]]] = KEPT
    return folds


def fold_task(task: Task, fold: Fold) -> Task:
    """The task whose train split is what the fold learns from and whose test split is what it holds out. val is empty."""
    support = Support(task, fold.most, fold.count, fold.seed)

    def load(name: SplitName) -> Split:
        rows = {"train": support.learnt, "test": support.held_out, "val": lambda fold: np.empty(0, np.int64)}[name](fold)
        return task.train.part(rows.tolist())

    which = f"fold-{fold.number}-of-{fold.count}" if fold.number else "all"
    share = f"-part-{fold.part}" if fold.part > 1 else ""
    return replace(
        task,
        name=f"{task.name}-most-{fold.most}-seed-{fold.seed}-{which}{share}",
        load=load,
        sizes={},
        split_origin="a fold of the train split" if fold.number else "scored on what was learnt",
        transfers=(),
        whole=task.data,
    )
