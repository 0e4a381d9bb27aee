"""What the classes are called, and which one each row belongs to."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np

from bench.errors import DataError
from tasks.own.card import Card
from tasks.own.strings import Strings

WhichRow = Callable[[int], str]  # row number -> what messages call the row
_NUMBER = re.compile(r"-?\d{1,9}")


def class_numbers(
    labels: Strings, card: Card, carried: Sequence[str], where: str, place: WhichRow
) -> tuple[np.ndarray, tuple[str, ...], list[str]]:
    """Class numbers [N] int64, class names [C], and the labels [C] that the data have for them.

    carried: names that the data bring along for labels that are numbers. Raises DataError that names the row.
    """
    numbers, found = labels.numbered()
    for number, label in enumerate(found):
        if not label or not label.strip() or "\n" in label:
            what = (
                "has a line break in its label: does a quotation mark lack its partner?"
                if label and label.strip()
                else "has no label"
            )
            raise DataError(f"{place(_first(numbers, number))} {what}")
    if isinstance(card.classes, dict):
        known, names = list(card.classes), tuple(card.classes.values())
    else:
        names = tuple(card.classes or carried)
        by_number = bool(names) and all(_NUMBER.fullmatch(label) for label in found) and not set(found) <= set(names)
        known = [str(number) for number in range(len(names))] if by_number else list(names)
        if not names:
            known = sorted(found, key=lambda label: (int(label), "")) if all(map(_NUMBER.fullmatch, found)) else sorted(found)
            names = _readable(known, where)
    position = {label: number for number, label in enumerate(known)}
    for number, label in enumerate(found):
        if label not in position:
            listed = (
                f"0 to {len(names) - 1}" if known and known[0] == "0" else ", ".join(known[:10]) + ", ..." * (len(known) > 10)
            )
            row = place(_first(numbers, number))
            raise DataError(f"{row}: label {label!r} is out of range, there are {len(names)} classes: {listed}")
    if len(names) == 1:
        raise DataError(f"{where} has only one class, {names[0]!r}: at least two classes are needed")
    return np.array([position[label] for label in found], np.int64)[numbers], names, known


def _first(numbers: np.ndarray, number: int) -> int:
    return int((numbers == number).argmax())


def _readable(labels: Sequence[str], where: str) -> tuple[str, ...]:
    """Labels as words for a text tower: big_cat and big-cat read "big cat"."""
    names: dict[str, str] = {}
    for label in labels:
        name = " ".join(label.replace("_", " ").replace("-", " ").split()) or label
        if name in names:
            raise DataError(f"{where}: classes {names[name]!r} and {label!r} both read {name!r}: rename or merge one")
        names[name] = label
    return tuple(names)
