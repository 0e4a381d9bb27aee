"""What the classes are called, and which one each row belongs to."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Callable, Sequence

import numpy as np

from bench.errors import DataError
from tasks.own.card import Card
from tasks.own.strings import Strings

LISTED = 5  # collisions that a message names
WhichRow = Callable[[int], str]  # row number -> what messages call the row
_NUMBER = re.compile(r"-?\d{1,9}")
_WHOLE = re.compile(r"-?\d{1,9}(\.0+)?")
# Curly quotation marks as straight ones; nothing for what takes no room: joiners, marks of direction and of byte order.
_PLAIN = str.maketrans({**dict.fromkeys("\u2018\u2019\u02bc", "'"), **dict.fromkeys("\u201c\u201d", '"')}) | dict.fromkeys(
    [0xAD, 0xFEFF, *range(0x200B, 0x2010), *range(0x2060, 0x2065)]
)


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
    if card.merge:
        numbers, found = _merged(numbers, found)
    known, names = _named(found, card, carried)
    position = {label: number for number, label in enumerate(known)}
    if card.merge:
        position, known, names = _merged_classes(known, names)
    all_different(names, known, where)
    for number, label in enumerate(found):
        if label not in position:
            listed = (
                f"0 to {len(names) - 1}" if known and known[0] == "0" else ", ".join(known[:10]) + ", ..." * (len(known) > 10)
            )
            row = place(_first(numbers, number))
            raise DataError(f"{row}: label {label!r} is out of range, there are {len(names)} classes: {listed}")
    if len(names) == 1:
        raise DataError(f"{where} has only one class, {names[0]!r}: at least two classes are needed")
    return np.array([position[label] for label in found], np.int64)[numbers], tuple(names), known


def _first(numbers: np.ndarray, number: int) -> int:
    return int((numbers == number).argmax())


def _named(found: Sequence[str], card: Card, carried: Sequence[str]) -> tuple[list[str], list[str]]:
    """Labels and names of the classes, before any are merged."""
    if isinstance(card.classes, dict):
        return list(card.classes), list(card.classes.values())
    names = list(card.classes or carried)
    by_number = all(_NUMBER.fullmatch(label) for label in found)
    if not names:
        known = sorted(found, key=lambda label: (int(label), "")) if by_number else sorted(found)
        return known, list(map(readable, known))
    known = [str(number) for number in range(len(names))] if by_number and not set(found) <= set(names) else names
    return known, names if card.classes else list(map(readable, names))


def readable(label: str) -> str:
    """A label as words for a text tower: big_cat and big-cat read "big cat"."""
    return " ".join(label.replace("_", " ").replace("-", " ").split()) or label


def folded(label: str) -> str:
    """What labels have in common that a text tower can't tell apart.

    CLIP's tokenizers lower the case, undo HTML's entities, and make one of the ways in which a letter or a quotation mark is
    written. Whole numbers are the same however many zeros they are written with.
    """
    text = unicodedata.normalize("NFKC", html.unescape(html.unescape(label))).translate(_PLAIN)
    if _WHOLE.fullmatch(text.strip()):
        return str(int(float(text)))
    return readable(text).casefold()


def _merged(numbers: np.ndarray, found: Sequence[str]) -> tuple[np.ndarray, list[str]]:
    """The same with labels that read alike as one, in the order of their first appearance."""
    wholes = list(dict.fromkeys(map(folded, found)))
    place = {label: number for number, label in enumerate(wholes)}
    return np.array([place[folded(label)] for label in found], np.int64)[numbers], wholes


def _merged_classes(known: Sequence[str], names: Sequence[str]) -> tuple[dict[str, int], list[str], list[str]]:
    """The number of each label, and label and name of each class, of classes whose names read alike as one."""
    firsts: dict[str, int] = {}
    for number, name in enumerate(names):
        firsts.setdefault(folded(name), number)
    place = {name: number for number, name in enumerate(firsts)}
    position = {folded(label): place[folded(name)] for label, name in zip(known, names, strict=True)}
    return position, [folded(known[first]) for first in firsts.values()], [names[first] for first in firsts.values()]


def all_different(names: Sequence[str], known: Sequence[str], where: str) -> None:
    """Raises DataError that names all classes that a text tower would take for one another."""
    alike: dict[str, list[str]] = {}
    for name, label in zip(names, known, strict=True):
        alike.setdefault(folded(name), []).append(label)
    several = [(name, labels) for name, labels in alike.items() if len(labels) > 1]
    if several:
        listed = ", ".join(f"{' and '.join(map(repr, labels))} read {name!r}" for name, labels in several[:LISTED])
        more = f" and {len(several) - LISTED} more" if len(several) > LISTED else ""
        remedy = "a text tower tells them not apart: make one class of each by merge=true, or rename them"
        raise DataError(f"{where}: classes {listed}{more}: {remedy}")
