"""Which examples a method may see.

The support depends on task, shots and seed and on nothing else, so that methods are compared on identical
episodes. Supports nest: each class has one order per seed, and K shots are its first K. An episode names rows
of the train and val splits; there is no test split in it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.errors import DataError
from tasks.base import Split, Task

VALIDATION_SHOTS = 4  # at most, per class


@dataclass(frozen=True)
class Episode:
    """Row numbers of the train split, and of the val split where the protocol has a validation set."""

    shots: int
    seed: int
    support: tuple[int, ...]
    validation: tuple[int, ...] = ()


def draw_episode(task: Task, shots: int, seed: int, protocol: str) -> Episode:
    """Raises DataError, naming the class, if one has fewer than `shots` training examples."""
    support = _draw(task, task.train, "train", shots, seed)
    validation: tuple[int, ...] = ()
    if protocol == "val":
        validation = _draw(task, task.val, "val", min(shots, VALIDATION_SHOTS), seed)
    return Episode(shots, seed, support, validation)


def _draw(task: Task, split: Split, split_name: str, shots: int, seed: int) -> tuple[int, ...]:
    random = np.random.default_rng([seed, *hashlib.sha256(f"{task.name} {split_name}".encode()).digest()[:8]])
    if task.kind == "retrieval":
        wanted = shots * task.shot_unit
        if wanted > len(split):
            raise DataError(
                f"task {task.name}: {shots} shots are {wanted} {split_name} pairs and there are only {len(split)}: "
                f"use at most --shots {len(split) // task.shot_unit}"
            )
        first = min(task.grown_from or len(split), len(split))
        pool = [*random.permutation(first), *(first + random.permutation(len(split) - first))]
        return tuple(int(row) for row in pool[:wanted])
    rows: list[int] = []
    for number, name in enumerate(task.class_names):
        mine = np.flatnonzero(split.labels == number)
        order = random.permutation(mine)
        if len(mine) < shots:
            raise DataError(
                f"task {task.name}: class {name!r} has {len(mine)} {split_name} examples, {shots} shots need {shots}: "
                f"add examples{f' or use at most --shots {len(mine)}' if len(mine) else ''}"
            )
        rows += [int(row) for row in order[:shots]]
    return tuple(rows)


def content_hash(split: Split, rows: Sequence[int]) -> str:
    """Of the ids, labels and texts of some rows, in order."""
    digest = hashlib.sha256()
    for row in rows:
        text = "" if split.texts is None else split.texts[row]
        digest.update(f"{split.ids[row]}\t{split.labels[row]}\t{text}\n".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()[:16]
