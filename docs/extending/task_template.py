"""Which way stripes lean, drawn on the spot. Copy it, and say here what yours asks and where its images come from."""

from __future__ import annotations

import numpy as np
from PIL import Image

from tasks.base import Augmentation, Split, SplitName, Task

ROWS: dict[SplitName, int] = {"train": 120, "val": 40, "test": 600}
NUMBERS: dict[SplitName, int] = {"train": 0, "val": 1, "test": 2}


def load(split: SplitName) -> Split:
    labels = np.arange(ROWS[split]) % 2  # integers; the classes need not take turns

    def image(row: int) -> Image.Image:
        # Called when the image is needed, by several threads at once. A row's image depends on its split and number
        # only: no generator that others draw from, too. For files: tasks.images.open_image(path).
        random = np.random.default_rng([8, NUMBERS[split], row])
        pixels = random.uniform(60, 120, (64, 64, 3))
        y, x = np.mgrid[:64, :64]
        pixels[(x + (y if labels[row] else -y) + random.integers(16)) % 16 < 8] += 80
        return Image.fromarray(pixels.astype(np.uint8))  # RGB

    # Ids are the images' names in the bank: unique over all splits, and the same in every run.
    return Split([f"{split}/{row:04d}" for row in range(ROWS[split])], image, labels)


LEANING_STRIPES = Task(
    name="leaning-stripes",  # no comma, colon or bracket
    kind="classification",
    version="1",  # another one whenever data or labels change: old records then no longer count
    class_names=("left", "right"),  # class 0, class 1: what a text tower reads in the template
    load=load,
    templates=("a picture of stripes that lean to the {}.",),
    licence="CC0-1.0",
    sizes=ROWS,
    augmentation=Augmentation(smallest_crop=0.3, flip=False),  # a flip would swap the classes
)
