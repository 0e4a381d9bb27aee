"""One colour, marker and line per method, found from its name: the same in every plot of every run.

More methods exist than colours can tell apart, so colour is never alone: 24 markers (12 shapes, filled or hollow) and four
lines go with 11 colours. `SALT` is the number, found by search, for which the fewest of 52 methods look alike: all but ten
of their 1,326 pairs differ in marker or clearly in lightness, so that grey print tells them apart, too. A new method gets its
look from its name like all others, and changes nobody else's; at most one in a hundred pairs may differ in colour alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

SALT = 14838

# Okabe and Ito's colours, Tol's muted ones beside them.
_COLOURS = (
    "#0072b2",
    "#e69f00",
    "#882255",
    "#56b4e9",
    "#d55e00",
    "#44aa99",
    "#332288",
    "#cc79a7",
    "#117733",
    "#999933",
    "#aa4499",
)
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "h", "*")
Line = Literal["-"] | tuple[float, tuple[float, ...]]
_LINES: tuple[Line, ...] = ("-", (0, (5, 1.5)), (0, (1, 1)), (0, (6, 1.5, 1, 1.5)))


@dataclass(frozen=True)
class Look:
    colour: str
    marker: str
    hollow: bool
    line: Line

    @property
    def face(self) -> str:
        """Colour of the marker's inside."""
        return "white" if self.hollow else self.colour


BASELINE = Look("#000000", "_", False, (0, (5, 3)))


def look(label: str, baseline: bool = False) -> Look:
    """The look of a method by its label. Baselines are black dashes; variants with parameters keep their method's colour."""
    if baseline:
        return BASELINE
    name = label.partition("[")[0]
    numbers = _digest(name)
    shape = numbers[1] % 24
    if name != label:
        shape = (shape + 1 + _digest(label)[1] % 23) % 24  # any marker but the method's own
    return Look(
        colour=_COLOURS[numbers[0] % len(_COLOURS)],
        marker=_MARKERS[shape % 12],
        hollow=shape >= 12,
        line=_LINES[_digest(label)[2] % len(_LINES)],
    )


def family_looks(families: Sequence[str]) -> dict[str, Look]:
    """A colour and a mark for each family, in order: for plots whose labels name the methods."""
    shades = ("#d55e00", "#0072b2", "#117733", "#aa4499", "#e69f00", "#56b4e9", "#882255", "#999933")
    return {
        family: Look(shades[number % len(shades)], _MARKERS[number % len(_MARKERS)], False, "-")
        for number, family in enumerate(families)
    }


def _digest(text: str) -> bytes:
    return hashlib.sha256(f"{SALT}:{text}".encode("utf-8", "replace")).digest()
