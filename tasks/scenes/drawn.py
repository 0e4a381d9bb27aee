"""What the generated tasks share: how an example gets its seed, its label and its id."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from PIL import Image

from tasks.base import Split, SplitName

TRAIN_PER_CLASS = 60
VAL_PER_CLASS = 12
TEST_EXAMPLES = 600

SPLIT_NUMBERS: dict[SplitName, int] = {"train": 0, "val": 1, "test": 2}

Draw = Callable[[int, np.random.Generator], np.ndarray]  # class number -> picture [64, 64, 3] uint8


def generator(task: int, split: SplitName, index: int) -> np.random.Generator:
    """The randomness of one example, which depends on no other example."""
    return np.random.default_rng([task, SPLIT_NUMBERS[split], index])


def split_size(split: SplitName, classes: int) -> int:
    """How many examples a split of a task with so many classes has."""
    return {"train": TRAIN_PER_CLASS * classes, "val": VAL_PER_CLASS * classes, "test": TEST_EXAMPLES}[split]


def identifiers(split: SplitName, count: int) -> list[str]:
    return [f"{split}/{index:04d}" for index in range(count)]


def drawn_split(task: int, classes: int, draw: Draw, split: SplitName) -> Split:
    """A split for classification in which the classes take turns and each picture is drawn when it is asked for."""
    count = split_size(split, classes)
    return Split(identifiers(split, count), partial(_draw_one, task, classes, draw, split), np.arange(count) % classes)


def _draw_one(task: int, classes: int, draw: Draw, split: SplitName, index: int) -> Image.Image:
    return Image.fromarray(draw(index % classes, generator(task, split, index)))
