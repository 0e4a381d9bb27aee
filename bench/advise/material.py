"""The labelled examples that are used, and the folds that they are dealt into."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.advise.entrants import Fold
from bench.errors import DataError
from bench.kinds import KINDS
from bench.plan.episode import draw_episode, everything
from tasks.base import Task
from tasks.folds import Fold as Part
from tasks.folds import Support, fold_task

MOST_FOLDS = 5
MOST_EXAMPLES = 2000  # that are used where nothing was said: folds of more tell methods apart no better within minutes
LEAST_EACH = 2  # of a class, that a fold can be held out
ENCODING_SHARE = 0.15  # of the time, that the frozen image tower may take for all examples


@dataclass(frozen=True)
class Material:
    """`count` folds of the first `most` examples of each class (retrieval: shots) of a task."""

    source: str
    task: Task
    most: int
    count: int
    seed: int
    examples: int  # that are used
    available: int  # that have a label

    def part(self, number: int, share: int = 1) -> tuple[str, Task]:
        """Source and task of a fold that learns from 1/share of each class; of number 0, of everything."""
        part = Part(number, self.count, self.most, self.seed, share)
        return part.of(self.source), fold_task(self.task, part)

    def folds(self) -> Sequence[Fold]:
        return [Fold(number, *self.part(number)) for number in range(1, self.count + 1)]


def material(source: str, task: Task, shots: int | None, seed: int, image_s: float, seconds: float) -> Material:
    """Draw the support, as `run` does, and deal it into folds.

    image_s: of an image through the frozen tower; seconds: that the whole job has. Raises DataError for a task that has no
    labelled train examples, too few for so many shots, one class only, or nothing that could be held out.
    """
    available = everything(task)
    kind = KINDS[task.kind]
    if not available:
        raise DataError(
            f"task {task.name}: there are no labelled train {kind.examples} to choose by: add some to its train split"
        )
    labels = task.train.labels[task.train.labels >= 0]
    if kind.has_classes and len(np.unique(labels)) < 2:
        raise DataError(
            f"task {task.name}: all labelled train examples are of one class, {task.class_names[labels[0]]!r}, "
            "so that every method is right on all: add examples of another class"
        )
    if shots is not None:
        draw_episode(task, shots, seed, "fixed")
        most = shots
    else:
        most = _most(task, max(1, min(MOST_EXAMPLES, int(ENCODING_SHARE * seconds / image_s))), available)
    for count in range(MOST_FOLDS, 1, -1):
        support = Support(task, most, count, seed)
        if len(np.unique(support.folds[support.folds >= 0])) == count:
            return Material(source, task, most, count, seed, len(support.rows), available)
    if shots == 1 and kind.has_classes:
        remedy = "use --shots 2 or more"
    else:
        where = "some class has two train images" if kind.has_classes else "there are two train images"
        remedy = f"label more, so that {where} (of data without a split of their own half are train)"
    raise DataError(f"task {task.name}: nothing can be held out to compare methods on: {remedy}")


def _most(task: Task, bound: int, available: int) -> int:
    """Examples per class, as many of each as there are, at most `bound` in all; for retrieval shots."""
    if not task.class_names:
        return min(-(-available // task.shot_unit), max(1, bound // task.shot_unit))
    counts = np.bincount(task.train.labels[task.train.labels >= 0])
    most = bisect_right(range(1, int(counts.max()) + 1), bound, key=lambda each: int(np.minimum(counts, each).sum()))
    return max(LEAST_EACH, most)
