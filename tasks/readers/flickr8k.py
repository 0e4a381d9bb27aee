"""Flickr8k as it is often handed on: `captions.txt` beside lists of image names, `Flickr_8k.trainImages.txt` and so on.

`captions.txt` is CSV with the header `image,caption`; captions hold commas and quotes.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

from bench.errors import DataError
from tasks.base import Split, SplitName
from tasks.readers.captions import captioned
from tasks.readers.files import no_duplicates, read_lines

HEADER = ["image", "caption"]


def read(captions: Path, lists: Mapping[SplitName, Path], images: Path) -> dict[SplitName, Split]:
    """The splits that there are lists for. Raises DataError."""
    by_image = _captions(captions)
    splits: dict[SplitName, Split] = {}
    taken: dict[str, Path] = {}
    for split, path in lists.items():
        names = [line.strip() for line in read_lines(path) if line.strip()]
        no_duplicates(path, "image", names)
        for name in names:
            if name in taken:
                raise DataError(f"{path}: image {name} is in {taken[name].name}, too: remove it from one of them")
            if name not in by_image:
                raise DataError(f"{path}: image {name} has no caption in {captions.name}: add one, or remove the image")
            taken[name] = path
        splits[split] = captioned(captions, images, [(name, caption) for name in names for caption in by_image[name]])
    return splits


def _captions(path: Path) -> dict[str, list[str]]:
    """Image file -> its captions, in the order of the file."""
    lines = csv.reader(read_lines(path))
    try:
        rows = [(lines.line_num, row) for row in lines]
    except csv.Error as error:
        raise DataError(f"{path}, line {lines.line_num}: not CSV ({error}): correct it") from error
    if rows[0][1] != HEADER:
        raise DataError(f"{path}, line 1: the header must be {','.join(HEADER)}: add it")
    found: dict[str, list[str]] = {}
    for number, row in rows[1:]:
        if row and len(row) != len(HEADER):
            raise DataError(
                f"{path}, line {number}: {len(row)} values instead of an image and a caption: "
                "put a caption with commas between quotes"
            )
        if row:
            found.setdefault(row[0], []).append(" ".join(row[1].split()))
    return found
