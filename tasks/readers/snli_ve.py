"""SNLI-VE (Xie et al., 2019): does a Flickr30k photograph entail a sentence, contradict it, or neither?

One JSON object a line with, among others, `Flickr30K_ID` (the image file's name without ".jpg"), `sentence2` (the
hypothesis), `gold_label` and `pairID`. The first release called the image `Flikr30kID`. A pair on which the annotators did
not agree is labelled "-" and left out.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np

from bench.errors import DataError
from tasks.base import Split
from tasks.readers.files import no_duplicates, present, read_json_lines

CLASSES = ("entailment", "neutral", "contradiction")
NO_AGREEMENT = "-"


class _Line(msgspec.Struct, kw_only=True):
    newer: str = msgspec.field(name="Flickr30K_ID", default="")
    older: str = msgspec.field(name="Flikr30kID", default="")
    hypothesis: str = msgspec.field(name="sentence2")
    label: str = msgspec.field(name="gold_label")
    pair: str = msgspec.field(name="pairID")

    def __post_init__(self) -> None:
        if not (self.newer or self.older):
            raise ValueError("it has neither Flickr30K_ID nor Flikr30kID")

    @property
    def image(self) -> str:
        """As the release calls it, without its ending."""
        return (self.newer or self.older).removesuffix(".jpg")


def read(path: Path, images: Path) -> Split:
    """One of its files. Raises DataError."""
    lines: list[_Line] = []
    for number, line in read_json_lines(path, _Line):
        if line.label == NO_AGREEMENT:
            continue
        if line.label not in CLASSES:
            raise DataError(f"{path}, line {number}: unknown gold_label {line.label!r}: use {', '.join(CLASSES)}, or - for none")
        lines.append(line)
    no_duplicates(path, "pairID", (line.pair for line in lines))
    files = present(images, [f"{line.image}.jpg" for line in lines], path)
    labels = np.array([CLASSES.index(line.label) for line in lines], np.int64)
    return Split([line.image for line in lines], files.open, labels, [line.hypothesis for line in lines], files=files)
