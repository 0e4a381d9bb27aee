"""Karpathy's splits (Karpathy and Fei-Fei, CVPR 2015) of Flickr8k, Flickr30k and COCO: `dataset_<name>.json`.

`images` is a list of objects with, among others, `filename`, `filepath` (COCO: the folder), `split` (train, val, test,
and for COCO restval, which the field adds to train) and `sentences`, each with `raw`. A row is one caption with its image;
all captions of an image count, for COCO's five to seven, too.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from bench.errors import DataError
from tasks.base import Split, SplitName
from tasks.readers.captions import captioned
from tasks.readers.files import no_duplicates, read_bytes, read_json

PARTS: dict[str, SplitName] = {"train": "train", "restval": "train", "val": "val", "test": "test"}


class _Sentence(msgspec.Struct):
    raw: str


class _Image(msgspec.Struct):
    filename: str
    split: str
    sentences: list[_Sentence]
    filepath: str = ""


class _Whole(msgspec.Struct):
    images: list[_Image]


def read(path: Path, images: Path) -> dict[SplitName, Split]:
    """All three splits. Raises DataError."""
    if read_bytes(path).lstrip().startswith(b"["):
        raise DataError(
            f"{path} is a list, as ALBEF and BLIP have a file per split, not Karpathy's own file: get that, or run the list as "
            f"json:FOLDER with train.json, val.json and test.json in it"
        )
    found = read_json(path, _Whole).images
    rows: dict[SplitName, list[tuple[str, str]]] = {"train": [], "val": [], "test": []}
    no_duplicates(path, "image", (_name(image) for image in found))
    for image in found:
        if image.split not in PARTS:
            raise DataError(f"{path}, image {image.filename}: unknown split {image.split!r}: use {', '.join(PARTS)}")
        if not image.sentences:
            raise DataError(f"{path}, image {image.filename}: it has no sentence: remove the image, or add one")
        rows[PARTS[image.split]] += [(_name(image), " ".join(sentence.raw.split())) for sentence in image.sentences]
    return {split: captioned(path, images, mine) for split, mine in rows.items()}


def _name(image: _Image) -> str:
    return f"{image.filepath}/{image.filename}" if image.filepath else image.filename
