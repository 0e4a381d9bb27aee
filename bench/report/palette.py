"""One colour and one marker per method, the same in every plot of every run.

Twelve methods are more than colours can tell apart for everyone, so each also has its own marker, and neighbours in
the table differ in lightness: the plots can be read in grey.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal

# Okabe and Ito's colours, Tol's muted ones beside them, ordered so that lightness alternates.
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
_BROKEN: tuple[tuple[float, tuple[float, ...]], ...] = ((0, (5, 1.5)), (0, (1, 1)), (0, (6, 1.5, 1, 1.5)))


@dataclass(frozen=True)
class Look:
    colour: str
    marker: str
    line: Literal["-"] | tuple[float, tuple[float, ...]]


_KNOWN = {
    "zero-shot": Look("#000000", "_", (0, (5, 3))),
    "linear-probe": Look("#0072b2", "o", "-"),
    "class-mean-probe": Look("#56b4e9", "s", "-"),
    "tip-adapter": Look("#e69f00", "^", "-"),
    "tip-adapter-f": Look("#d55e00", "v", "-"),
    "coop": Look("#117733", "D", "-"),
    "xtremeclip": Look("#cc79a7", "P", "-"),
    "lora": Look("#882255", "X", "-"),
    "bitfit": Look("#44aa99", "<", "-"),
    "layernorm": Look("#332288", ">", "-"),
    "lilt-partial": Look("#999933", "p", "-"),
    "full": Look("#666666", "h", "-"),
}


def look(label: str) -> Look:
    """The look of a method by its label. Others than the known ones, and variants with parameters, get one by hash.

    Their lines are broken, so that none of them passes for a known method of the same colour.
    """
    if label in _KNOWN:
        return _KNOWN[label]
    digest = hashlib.sha256(label.encode("utf-8", "replace")).digest()
    return Look(
        colour=_COLOURS[digest[0] % len(_COLOURS)],
        marker=_MARKERS[digest[1] % len(_MARKERS)],
        line=_BROKEN[digest[2] % len(_BROKEN)],
    )
