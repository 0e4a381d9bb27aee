"""A look at somebody's data before anything runs on them: counts, images that can't be read, images in train and test."""

from __future__ import annotations

import hashlib
import io
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from PIL import Image

from bench.errors import DataError
from tasks.images import decode_image
from tasks.own.dealing import SPLITS
from tasks.own.index import Index

LOOKED_AT = 20_000  # images that are read, evenly spaced; all of a smaller set
ALIKE = 2  # bits of 64 in which the hashes of two images that look the same may differ
CLOSE = 10  # mean difference, of 255, of the small copies of two images that look the same
SMALL = 16  # pixels, the side of these copies
FLAT = 8  # a hash with fewer bits of either sort is of a picture with next to nothing on it


@dataclass(frozen=True)
class Twins:
    """An image of the test split and one of train or val that is the same, or looks the same."""

    test: str
    other: str


@dataclass(frozen=True)
class Survey:
    """What was found. counts: rows [3, C] by split and class, [3, 1] for retrieval."""

    counts: np.ndarray
    images: int
    looked_at: int
    broken: list[str]  # what is wrong with the images that can't be read, a line each
    shared: list[str]  # ids of test images that train or val names, too
    same: list[Twins]  # byte for byte
    alike: list[Twins]


@dataclass(frozen=True)
class _Look:
    content: str
    shape: int | None  # dHash; None for a flat picture
    small: np.ndarray | None = None  # [SMALL, SMALL, 3] uint8
    error: str | None = None


def survey(index: Index) -> Survey:
    """Reads up to LOOKED_AT images, by several threads."""
    numbers, ids = index.pictures.names.numbered()
    counts = np.zeros((len(SPLITS), max(1, len(index.class_names))), np.int64)
    used = index.parts >= 0
    np.add.at(counts, (index.parts[used], np.maximum(index.labels[used], 0)), 1)
    rows = np.full(len(ids), -1)  # one row of each image
    rows[numbers[::-1]] = np.arange(len(numbers))[::-1]
    in_test, elsewhere = (np.isin(np.arange(len(ids)), numbers[which]) for which in (index.parts == 2, used & (index.parts < 2)))
    chosen = np.flatnonzero(in_test | elsewhere)
    chosen = chosen[np.unique(np.linspace(0, len(chosen) - 1, min(len(chosen), LOOKED_AT)).astype(np.int64))]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        looks = dict(zip(chosen.tolist(), pool.map(lambda image: _look(index, int(rows[image])), chosen), strict=True))
    test = [image for image in looks if in_test[image] and not elsewhere[image]]
    others = [image for image in looks if elsewhere[image]]
    by_content = {looks[image].content: image for image in reversed(others) if looks[image].content}
    same = {image: by_content[looks[image].content] for image in test if looks[image].content in by_content}
    alike = _alike(looks, [image for image in test if image not in same], others)
    return Survey(
        counts,
        int((in_test | elsewhere).sum()),
        len(looks),
        [look.error for look in looks.values() if look.error],
        [ids[image] for image in np.flatnonzero(in_test & elsewhere)],
        *([Twins(ids[image], ids[other]) for image, other in found.items()] for found in (same, alike)),
    )


def _look(index: Index, row: int) -> _Look:
    try:
        body = index.pictures.content(row)
    except (OSError, ValueError) as error:
        return _Look("", None, error=f"{index.pictures.names[row]}: {getattr(error, 'strerror', None) or error}")
    try:
        picture = decode_image(io.BytesIO(body), index.pictures.names[row], index.white)
        shape = difference_hash(picture)
        small = np.asarray(picture.resize((SMALL, SMALL), Image.Resampling.BOX))
    except DataError as error:
        return _Look("", None, error=str(error).partition(": ")[0])
    flat = not FLAT <= shape.bit_count() <= 64 - FLAT
    return _Look(hashlib.sha256(body).hexdigest(), None if flat else shape, small)


def difference_hash(picture: Image.Image) -> int:
    """dHash: 64 bits, whether each of 9 x 8 greys is lighter than the one to its right. Survives scaling and compression."""
    greys = np.asarray(picture.convert("L").resize((9, 8), Image.Resampling.BOX), np.int16)
    return int.from_bytes(np.packbits(greys[:, :-1] > greys[:, 1:]).tobytes(), "big")


def _alike(looks: dict[int, _Look], test: list[int], others: list[int]) -> dict[int, int]:
    """For test images the most similar other one: its hash differs in at most ALIKE bits, and its colours hardly."""
    test, others = ([image for image in images if looks[image].shape is not None] for images in (test, others))
    if not test or not others:
        return {}
    ours, theirs = (_signs([looks[image].shape or 0 for image in images]) for images in (test, others))
    found: dict[int, int] = {}
    for start in range(0, len(test), 512):
        differing = (64 - ours[start : start + 512] @ theirs.T) / 2
        for place in np.flatnonzero(differing.min(1) <= ALIKE):
            image = test[start + place]
            likely = [others[other] for other in np.flatnonzero(differing[place] <= ALIKE)]
            apart = [_apart(looks[image], looks[other]) for other in likely]
            if min(apart) <= CLOSE:
                found[image] = likely[apart.index(min(apart))]
    return found


def _apart(one: _Look, other: _Look) -> float:
    """Mean difference of the small copies, 0..255."""
    assert one.small is not None and other.small is not None
    return float(np.abs(one.small.astype(np.int16) - other.small).mean())


def _signs(hashes: list[int]) -> np.ndarray:
    """[N, 64] of -1 and 1, whose products count equal bits less different ones."""
    bits = np.unpackbits(np.array(hashes, ">u8").view(np.uint8).reshape(-1, 8), axis=1)
    return 2 * bits.astype(np.float32) - 1
