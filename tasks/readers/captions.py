"""Captions with the images that they belong to."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bench.errors import DataError
from tasks.base import Split
from tasks.readers.files import present


def captioned(path: Path, images: Path, rows: list[tuple[str, str]]) -> Split:
    """A split for retrieval of (image file, caption). Raises DataError if one is empty or an image is missing."""
    for name, caption in rows:
        if not caption:
            raise DataError(f"{path}: an empty caption of {name}: remove it")
    names = [name for name, _ in rows]
    files = present(images, names, path)
    return Split(names, files.open, np.full(len(rows), -1, np.int64), [caption for _, caption in rows], files=files)
