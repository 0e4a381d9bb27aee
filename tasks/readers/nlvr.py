"""NLVR (Suhr et al., ACL 2017): is a statement true of a drawn picture of three boxes?

One JSON object a line with, among others, `sentence`, `label` ("true" or "false"), `identifier` ("n-m": presentation n,
picture m of it) and `directory`. Each has six pictures, with the boxes in another order, in
`images/<directory>/<split>-<identifier>-<0..5>.png`. As its authors count and score, each picture is a row of its own.
"""

from __future__ import annotations

import zlib
from pathlib import Path

import msgspec
import numpy as np

from bench.errors import DataError
from tasks.base import Split, SplitName
from tasks.readers.files import no_duplicates, present, read_json_lines

CLASSES = ("false", "true")
PERMUTATIONS = 6


class _Line(msgspec.Struct):
    sentence: str
    label: str
    identifier: str
    directory: str


def read(path: Path, images: Path) -> Split:
    """One of its files; the pictures are named after it. Raises DataError."""
    lines: list[_Line] = []
    for number, line in read_json_lines(path, _Line):
        if line.label not in CLASSES:
            raise DataError(f"{path}, line {number}: unknown label {line.label!r}: use true or false")
        lines.append(line)
    no_duplicates(path, "identifier", (line.identifier for line in lines))
    each = [(line, turn) for line in lines for turn in range(PERMUTATIONS)]
    names = [f"{line.directory}/{path.stem}-{line.identifier}-{turn}.png" for line, turn in each]
    files = present(images, names, path)
    labels = np.array([CLASSES.index(line.label) for line, _ in each], np.int64)
    return Split(names, files.open, labels, [line.sentence for line, _ in each], files=files)


def deal(whole: Split) -> dict[SplitName, Split]:
    """Half of one file's presentations to learn from, a fifth to choose on, the rest to test on, by a hash of the number.

    What was presented together (up to four pictures of one sentence, each in six orders) stays together, or a test
    sentence would have been learnt.
    """
    rows: dict[SplitName, list[int]] = {"train": [], "val": [], "test": []}
    for row, name in enumerate(whole.ids):
        rows[_dealt(name)].append(row)
    return {part: whole.part(mine) for part, mine in rows.items()}


def _dealt(name: str) -> SplitName:
    presentation = name.rpartition("/")[2].split("-")[1]
    share = zlib.crc32(presentation.encode()) % 10
    return "train" if share < 5 else "val" if share < 7 else "test"
