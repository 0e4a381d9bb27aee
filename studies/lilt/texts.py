"""Texts with labels, for the probe of a text tower."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from bench.errors import DataError
from tasks.scenes.draw import DIGITS, SHAPES
from tasks.scenes.grammar import caption, random_digit, random_scene

SCENE_CAPTIONS = 950  # of about a thousand different ones
NAMES = (*SHAPES, *DIGITS)


@dataclass(frozen=True)
class LabelledTexts:
    """Different texts in random order, so that none is in train and test: the first `train` of them are to learn from."""

    what: str  # the labels tell
    texts: Sequence[str]
    labels: np.ndarray  # numbers from 0
    train: int


def scene_captions() -> LabelledTexts:
    """Captions of one thing, a shape or a digit, that name it."""
    random = np.random.default_rng(7)
    labels: dict[str, int] = {}
    while len(labels) < SCENE_CAPTIONS:
        scene = random_digit(random) if random.uniform() < 0.5 else random_scene(random, 1)
        text, name = caption(scene, random), scene.things[0].shape
        if name in text:
            labels.setdefault(text, NAMES.index(name))
    return LabelledTexts("what is shown", list(labels), np.array(list(labels.values())), 600)


def read_labelled(path: Path) -> LabelledTexts:
    """A CSV file with the columns `text` and `label`; two thirds of its texts are to learn from. Raises DataError."""
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: can't be read ({error}): give a CSV file with the columns text and label") from error
    if not {"text", "label"} <= set(table.columns):
        raise DataError(f"{path}: has the columns {', '.join(table.columns)}: name two of them text and label")
    table = table.drop_duplicates("text").sample(frac=1, random_state=7)
    labels, _ = pd.factorize(table["label"], sort=True)
    return LabelledTexts(path.stem, list(table["text"]), labels, 2 * len(table) // 3)
