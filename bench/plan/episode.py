"""Which examples a method may see.

The support depends on task, shots and seed and on nothing else, so that methods are compared on identical
episodes. Supports nest: each class has one order per seed, and K shots are its first K; drawn by count, the whole
train split has one order, and n examples are its first n. An episode names rows of the train and val splits; there is
no test split in it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from bench.errors import DataError
from bench.kinds import KINDS
from tasks.base import Split, Task
from tasks.order import learnable, order_by_class, order_of_all

VALIDATION_SHOTS = 4  # at most, per class


@dataclass(frozen=True)
class Episode:
    """Row numbers of the train split, and of the val split where the protocol has a validation set."""

    shots: int  # per class; of a support drawn by count what that comes to, rounded up
    seed: int
    support: tuple[int, ...]
    validation: tuple[int, ...] = ()


def draw_episode(task: Task, shots: int, seed: int, protocol: str, by_count: bool = False) -> Episode:
    """`shots` examples of each class, or with `by_count` so many in all, whatever their classes.

    For retrieval a shot is the number of training pairs that the task states.
    Raises DataError, naming the class, if there are too few examples.
    """
    kind = KINDS[task.kind]
    unit = len(task.class_names) if kind.has_classes else task.shot_unit
    each = -(-shots // unit) if by_count else shots
    most = min(each, VALIDATION_SHOTS)
    validation: tuple[int, ...] = ()
    if by_count or not kind.has_classes:
        support = _draw_rows(task, task.train, "train", shots if by_count else shots * unit, seed, by_count)
        if protocol == "val":
            wanted = min(shots, most * unit) if by_count else most * unit
            validation = _draw_rows(task, task.val, "val", wanted, seed, by_count)
    else:
        support = _draw_classes(task, task.train, "train", shots, seed)
        if protocol == "val":
            validation = _draw_classes(task, task.val, "val", most, seed)
    return Episode(each, seed, support, validation)


def everything(task: Task) -> int:
    """How many examples there are to learn from: those of the train split that have a label, or all pairs."""
    return len(learnable(task, task.train))


def _draw_rows(task: Task, split: Split, split_name: str, wanted: int, seed: int, by_count: bool) -> tuple[int, ...]:
    """The first `wanted` rows of one order of all that may be learnt from."""
    kind = KINDS[task.kind]
    order = order_of_all(task, split, split_name, seed)
    if wanted > len(order):
        if by_count:
            raise DataError(
                f"task {task.name}: n={wanted} {split_name} {kind.examples} are asked for and there are only {len(order)}: "
                f"use at most --shots n={len(order)}"
            )
        raise DataError(
            f"task {task.name}: {wanted // task.shot_unit} shots are {wanted} {split_name} {kind.examples} and there are only "
            f"{len(order)}: use at most --shots {len(order) // task.shot_unit}"
        )
    return tuple(int(row) for row in order[:wanted])


def _draw_classes(task: Task, split: Split, split_name: str, shots: int, seed: int) -> tuple[int, ...]:
    """The first `shots` rows of one order for each class."""
    rows: list[int] = []
    for name, mine in zip(task.class_names, order_by_class(task, split, split_name, seed), strict=True):
        if len(mine) < shots:
            raise DataError(
                f"task {task.name}: class {name!r} has {len(mine)} {split_name} examples, {shots} shots need {shots}: "
                f"add examples{f' or use at most --shots {len(mine)}' if len(mine) else ''}"
            )
        rows += [int(row) for row in mine[:shots]]
    return tuple(rows)


def content_hash(split: Split, rows: Sequence[int]) -> str:
    """Of the ids, labels and texts of some rows, in order."""
    digest = hashlib.sha256()
    for row in rows:
        text = "" if split.texts is None else split.texts[row]
        digest.update(f"{split.ids[row]}\t{split.labels[row]}\t{text}\n".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()[:16]
