"""What all records of one table share. The fields of `Section` are the one list of it: the frame and the files follow them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, get_type_hints

from bench.kinds import KINDS
from bench.report.numbers.entries import BOARDS
from bench.text import plain

# Part of a recipe -> how a title words it.
_RECIPE = {
    "steps": "at most {} steps",
    "negatives": "negatives among {} pairs",
    "lr": "alignment rate {}",
    "rate": "{} times the rates",
    "length": "{} times the steps",
}


_PART = re.compile(r"(?<![)\]])[^,=():\[\]]*/[^,=():\[\]]*")  # what may be a path: the rest are names and brackets
_DEEP = 3  # slashes from which on a name is a path


@dataclass(frozen=True)
class Section:
    """Fields of a record's cell: nothing that differs in one of these is compared."""

    kind: str
    backbone: str
    fingerprint: str
    protocol: str
    recipe: str
    precision: str
    quick: bool
    split_origin: str = ""  # whose split, if it isn't the one that the field reports on
    support: str = ""  # where supports come from that weren't drawn here
    random_weights: bool = False
    aligned: bool = True  # False: the towers had never met before
    transductive: bool = False  # methods also see the test images, without their labels
    board: str = ""  # name of a board (`bench.report.numbers.entries`); "": the scores on the tasks' own test sets

    @classmethod
    def of(cls, key: Any) -> Section:
        """From the values of the `SECTION` columns, in their order."""
        found = cls(*key)
        flags: dict[str, Any] = {name: bool(getattr(found, name)) for name in FLAGS}  # older pandas gives numpy's
        return replace(found, **flags)

    @property
    def title(self) -> str:
        """One plain line; not escaped."""
        parts = [
            f"{short_backbone(self.backbone)}{self._mark}",
            f"protocol {self.protocol}",
            recipe_in_words(self.recipe),
            self.precision,
        ]
        parts += [self.split_origin] if self.split_origin else []
        parts += [f"supports from {self.support}"] if self.support else []
        parts += ["transductive: methods see the test images, without labels"] if self.transductive else []
        what = f"{self.kind}, {self.board}" if self.board else self.kind
        return plain(f"{what[:1].upper()}{what[1:]}: {', '.join(parts)}{', quick run' if self.quick else ''}")

    @property
    def headline_title(self) -> str:
        """What its scores are, with the unit."""
        return BOARDS[self.board].headline_title if self.board else KINDS[self.kind].headline_title

    @property
    def metrics(self) -> Mapping[str, str]:
        """Further metrics that its tables show, and their short titles."""
        return BOARDS[self.board].columns if self.board else KINDS[self.kind].columns

    @property
    def _mark(self) -> str:
        marks = [name for name, holds in (("unaligned", not self.aligned), ("random weights", self.random_weights)) if holds]
        return f" ({', '.join(marks)})" if marks else ""


SECTION = [field.name for field in fields(Section)]
FLAGS = [name for name, kind in get_type_hints(Section).items() if kind is bool]  # those of SECTION that are true or false


def short_backbone(name: str) -> str:
    """A backbone's name for a title: of a path on the disk its last part alone, "ViT-B-16/…/epoch_5.pt"."""
    return _PART.sub(lambda found: _short_path(found[0]), name)


def _short_path(text: str) -> str:
    first, *others = text.split("/")
    if first not in ("", ".", "..", "~") and "" not in others[:1] and len(others) < _DEEP:
        return text
    last = next((part for part in reversed(others) if part), "")
    return "/".join([*([] if first in ("", ".", "..", "~") else [first]), "…", last]) if last else text


def recipe_in_words(recipe: str) -> str:
    """A record's recipe for a title: "capped recipe, batch 512", "at most 400 steps, alignment rate 0.0001"."""
    parts = (part.partition("=") for part in recipe.split(","))
    return ", ".join(_RECIPE.get(name, f"{name} {{}}").format(value) if value else f"{name} recipe" for name, _, value in parts)
