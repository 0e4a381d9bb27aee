"""Test images corrupted: five ways at three strengths, seeded, without a download (after ImageNet-C, Hendrycks et al., 2019).

ImageNet-C corrupts pictures whose short side is 224 pixels: a larger picture is made that small first, and what is
measured in pixels shrinks along with a smaller one. The strengths are those of its severities 1, 3 and 5.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from PIL import Image, ImageFilter

from tasks.base import Split, SplitName, Task

SIDE = 224  # pixels of the short side
STRENGTHS = (1, 2, 3)


def noise(picture: Image.Image, strength: int, random: np.random.Generator) -> Image.Image:
    """Gaussian, of each channel of each pixel; its deviation is a share of the range."""
    deviation = (0.08, 0.18, 0.38)[strength - 1]
    values = np.asarray(picture, np.float64)
    noisy = values + 255 * deviation * random.standard_normal(values.shape)
    return Image.fromarray(np.clip(noisy + 0.5, 0, 255).astype(np.uint8))


def blur(picture: Image.Image, strength: int, random: np.random.Generator) -> Image.Image:
    """Gaussian."""
    deviation = (1, 3, 6)[strength - 1] * min(picture.size) / SIDE
    return picture.filter(ImageFilter.GaussianBlur(deviation))


def contrast(picture: Image.Image, strength: int, random: np.random.Generator) -> Image.Image:
    """Less of it: each channel moves towards its mean over the picture."""
    kept = (0.4, 0.2, 0.05)[strength - 1]
    values = np.asarray(picture, np.float64)
    mean = values.mean((0, 1))
    return Image.fromarray(np.clip(mean + kept * (values - mean) + 0.5, 0, 255).astype(np.uint8))


def jpeg(picture: Image.Image, strength: int, random: np.random.Generator) -> Image.Image:
    """Compressed at a low quality."""
    body = io.BytesIO()
    picture.save(body, "JPEG", quality=(25, 15, 7)[strength - 1])
    return Image.open(body).convert("RGB")


def pixelation(picture: Image.Image, strength: int, random: np.random.Generator) -> Image.Image:
    """Reduced to fewer pixels, each of which becomes a box."""
    share = (0.6, 0.4, 0.25)[strength - 1]
    width, height = (max(1, round(share * side)) for side in picture.size)
    return picture.resize((width, height), Image.Resampling.BOX).resize(picture.size, Image.Resampling.NEAREST)


CORRUPTIONS: dict[str, Callable[[Image.Image, int, np.random.Generator], Image.Image]] = {
    corrupt.__name__: corrupt for corrupt in (noise, blur, contrast, jpeg, pixelation)
}
CONDITIONS = tuple((name, strength) for name in CORRUPTIONS for strength in STRENGTHS)


def corrupted(task: Task) -> Task:
    """The task with each image of its test split under one condition; the other splits are as they were.

    So all conditions together cost what one pass over the test set does, and the mean over it is that of a condition drawn at
    random.
    """

    def load(which: SplitName) -> Split:
        split: Split = getattr(task, which)
        if which != "test":
            return split
        chosen = conditions(len(split), task.data)
        return replace(split, image=lambda row: corrupt(split.image(row), split.ids[row], *CONDITIONS[chosen[row]]))

    return replace(task, name=f"{task.name}-corrupted", load=load, whole="", half="")


def conditions(count: int, name: str) -> np.ndarray:
    """The number of the condition of each of the rows [count] of the test split of a task of this name; all are as frequent."""
    seed = hashlib.sha256(f"{name} corruptions".encode()).digest()[:8]
    return np.random.default_rng([*seed]).permutation(np.arange(count) % len(CONDITIONS))


def corrupt(picture: Image.Image, name: str, corruption: str, strength: int) -> Image.Image:
    """An RGB picture under one condition. name: the image's id, which the random ones are seeded by."""
    scale = SIDE / min(picture.size)
    if scale < 1:
        width, height = (max(1, round(scale * side)) for side in picture.size)
        picture = picture.resize((width, height), Image.Resampling.BICUBIC)
    seed = hashlib.sha256(f"{name} {corruption} {strength}".encode()).digest()[:8]
    return CORRUPTIONS[corruption](picture, strength, np.random.default_rng([*seed]))
