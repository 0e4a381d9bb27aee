"""A classification cut in two halves of its classes: learnt on the first, scored on the second (CoCoOp, Zhou et al., CVPR 2022).

The classes are cut in their published order; the first half has the odd one. Each half is a task of its own, whose classes
are told apart among themselves. Banked rows and drawn supports are those of the whole task: the support of the base half is
the part of the whole task's support that has its classes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import numpy as np

from bench.errors import UsageError
from tasks.base import Split, SplitName, Task

Half = Literal["base", "new"]
HALVES: tuple[Half, Half] = ("base", "new")


def half(task: Task, which: Half) -> Task:
    """One half of a classification of at least two classes. Raises UsageError for other tasks."""
    if task.kind != "classification":
        raise UsageError(f"{which}:{task.name}: a {task.kind} task has no new classes: name a classification")
    count = len(task.class_names)
    if count < 2:
        raise UsageError(f"{which}:{task.name}: it has {count} class, and new classes ask for 2 or more: leave it out")
    middle = -(-count // 2)
    mine = range(middle) if which == "base" else range(middle, count)
    return replace(
        task,
        name=f"{task.name}-{which}",
        class_names=tuple(task.class_names[number] for number in mine),
        load=_of_classes(task, mine),
        sizes={},
        whole=task.name,
        half=which,
    )


def _of_classes(task: Task, mine: range) -> Callable[[SplitName], Split]:
    def load(name: SplitName) -> Split:
        split: Split = getattr(task, name)
        rows = np.flatnonzero((split.labels >= mine.start) & (split.labels < mine.stop))
        part = split.part(rows.tolist())
        credit = None if part.credit is None else part.credit[:, list(mine)]
        return replace(part, labels=part.labels - mine.start, credit=credit)

    return load
