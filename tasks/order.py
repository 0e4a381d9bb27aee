"""In which order the examples of a split are drawn: one order for each seed, of which every support is a beginning.

The order depends on the data's name, the split and the seed and on nothing else, so that supports nest and all parts of a
task (halves, folds) agree on which examples come first.
"""

from __future__ import annotations

import hashlib

import numpy as np

from tasks.base import Split, Task


def learnable(task: Task, split: Split) -> np.ndarray:
    """Row numbers [N] that may be learnt from: those that have a label, or all pairs."""
    return np.flatnonzero(split.labels >= 0) if task.class_names else np.arange(len(split))


def order_of_all(task: Task, split: Split, split_name: str, seed: int) -> np.ndarray:
    """All rows [N] that may be learnt from. What fits into the pool as it was before it grew comes from there."""
    rows, random = learnable(task, split), _generator(task, split_name, seed)
    first = min(task.grown_from or len(rows), len(rows))
    return rows[np.concatenate([random.permutation(first), first + random.permutation(len(rows) - first)])]


def order_by_class(task: Task, split: Split, split_name: str, seed: int) -> list[np.ndarray]:
    """The rows of each class, by its number, each class in an order of its own."""
    random = _generator(task, split_name, seed)
    return [random.permutation(np.flatnonzero(split.labels == number)) for number in range(len(task.class_names))]


def _generator(task: Task, split_name: str, seed: int) -> np.random.Generator:
    return np.random.default_rng([seed, *hashlib.sha256(f"{task.data} {split_name}".encode()).digest()[:8]])
