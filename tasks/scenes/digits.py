"""Digits: scikit-learn's copy of the UCI optical digits, handwritten, 8 x 8, enlarged and printed dark on light."""

from __future__ import annotations

from functools import partial

import numpy as np
from PIL import Image

from tasks.base import Split, SplitName
from tasks.scenes.draw import DIGITS, SIZE
from tasks.scenes.drawn import SPLIT_NUMBERS, TRAIN_PER_CLASS, VAL_PER_CLASS, identifiers

CLASSES = DIGITS
TEST_PER_CLASS = 80
SIZES: dict[SplitName, int] = {
    "train": TRAIN_PER_CLASS * len(CLASSES),
    "val": VAL_PER_CLASS * len(CLASSES),
    "test": TEST_PER_CLASS * len(CLASSES),
}
MARGIN = 8  # pixels around the digit, as the printed digits of pretraining have


def load(task: int, split: SplitName) -> Split:
    """One split of a seeded permutation within each class; the classes take turns."""
    from sklearn.datasets import load_digits

    data = load_digits()
    sizes = (TRAIN_PER_CLASS, VAL_PER_CLASS, TEST_PER_CLASS)
    number = SPLIT_NUMBERS[split]
    start, count = sum(sizes[:number]), sizes[number]
    order = np.random.default_rng(task).permutation(len(data.target))
    per_class = [order[data.target[order] == digit][start : start + count] for digit in range(len(CLASSES))]
    chosen = np.stack(per_class, 1).reshape(-1)
    images = data.images[chosen]  # [N, 8, 8], 0..16, the ink is high
    return Split(identifiers(split, len(chosen)), partial(enlarged, images), np.arange(len(chosen)) % len(CLASSES))


def enlarged(images: np.ndarray, index: int) -> Image.Image:
    ink = Image.fromarray((images[index] / 16 * 255).astype(np.uint8))
    ink = ink.resize((SIZE - 2 * MARGIN, SIZE - 2 * MARGIN), Image.Resampling.BICUBIC)
    page = Image.new("L", (SIZE, SIZE))
    page.paste(ink, (MARGIN, MARGIN))
    grey = 225 - np.asarray(page, np.float32) * (190 / 255)
    return Image.fromarray(grey.astype(np.uint8)).convert("RGB")
