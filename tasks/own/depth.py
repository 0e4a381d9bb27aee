"""Which value is white in the pictures of a set that have more than 8 bits, as few of their files say it.

One for the whole set, so that a dark picture stays darker than a bright one: the least of 1 (fractions, masks) and the
whole ranges of 8, 10, 12, 14 and 16 bits that holds all values of the pictures that are looked at.
"""

from __future__ import annotations

import io

import numpy as np

from bench.errors import DataError
from tasks.images import White, value_range, white_for
from tasks.own.pictures import Pictures

LOOKED_AT = 200  # pictures, evenly spaced; of others only the header is read
DARK = 63  # of 255: where pictures are no brighter, two bits or more of the eight are never used


def white_of(pictures: Pictures, stated: float | None) -> tuple[White | None, list[str]]:
    """None where no picture is so deep; and what a reader should know of it, a line each. stated: what the card says is white."""
    ranges = []
    looked = np.unique(np.linspace(0, len(pictures.names) - 1, min(len(pictures.names), LOOKED_AT)).astype(np.int64)).tolist()
    for row in looked:
        try:
            found = value_range(io.BytesIO(pictures.content(row)), pictures.names[row])
        except (OSError, ValueError, DataError):
            continue  # told when it is asked for
        if found is not None:
            ranges.append(found)
    cut, greys = ([each for each in ranges if each.cut is which] for which in (True, False))
    told = []
    if cut:
        highest = max(each.largest for each in cut)
        told = [
            f"{len(cut)} of {len(looked)} pictures looked at have 16 bits a colour, of which the upper 8 are read, with values "
            f"up to {highest:g} of 255{'' if highest > DARK else ': so dark that they should be converted to 8 bits first'}"
        ]
    if not greys:
        return None if stated is None else White(stated), told
    lowest, highest = min(each.least for each in greys), max(each.largest for each in greys)
    white = White(stated) if stated is not None else White(white_for(highest), highest)
    which = f"{len(greys)} of {len(looked)} pictures looked at have more than 8 bits, with values from {lowest:g} to {highest:g}"
    told += [f"{which}: {white.value:g} is white{'' if stated is not None else ' (white=VALUE says otherwise)'}"]
    usual = float(np.median([each.largest for each in greys]))
    if usual < DARK / 255 * white.value:
        told.append(
            f"most of these pictures reach {100 * max(usual, 0) / white.value:.0f} % of that white at most, and are shown that "
            "dark: say by white=VALUE what is white, or correct what is brighter"
        )
    if lowest < 0:
        told.append("what is below 0 becomes black: shift the values")
    return white, told
