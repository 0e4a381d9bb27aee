"""What a method says about itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

CLASSIFICATION = "classification"
PAIR = "pair"
RETRIEVAL = "retrieval"

Family = Literal["zero-shot", "head", "prompt", "inside the encoder", "full"]
FAMILIES: tuple[Family, ...] = get_args(Family)
UNTRAINED: Family = "zero-shot"  # the one whose methods learn from no example

# What a method uses beyond its support. Class names: it reads them, in class texts or otherwise. External texts: such as
# descriptions of the classes that another model wrote. A teacher: another model than the backbone. Unlabelled images: of the
# test set (transductive) or others.
Sees = Literal["class names", "external texts", "a teacher", "unlabelled images"]
SEES: tuple[Sees, ...] = get_args(Sees)


class NotApplicable(Exception):
    """Raised for a cell that makes no sense for the method; the message says why and ends up in the record."""


@dataclass(frozen=True)
class Paper:
    title: str
    venue: str
    link: str = ""


@dataclass(frozen=True)
class Count:
    """How many parameters train, as a source states it; `python -m bench verify` compares it with what we train."""

    trainable: int
    source: str
    params: str = ""  # as on the command line: "n_ctx=4"
    kind: str = CLASSIFICATION
    classes: int = 10
    shots: int = 1
    backbone: str = "ViT-B-16"
