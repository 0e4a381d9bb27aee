"""Which row belongs to train, val or test: as the data say, or drawn where they say nothing.

Drawn: 50 % train, 20 % val, 30 % test, of each class for classification and of the images elsewhere, so that rows of one
image stay together. Data with train and test only give a fifth of train as val.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from bench.errors import DataError, unknown
from tasks.base import SplitName
from tasks.own.card import Card

TEST_SHARE = 0.3
VAL_SHARE = 0.2
SPLITS: tuple[SplitName, ...] = ("train", "val", "test")
UNUSED = -1
# What splits are called, in any case, also as in "training_set", "Test Images", "val2017".
CALLED: Mapping[SplitName, re.Pattern[str]] = {
    split: re.compile(rf"({others})([ _.-]*(set|split|data|images?|imgs?|pictures|photos|20\d\d))?")
    for split, others in zip(SPLITS, ("train|training", "val|valid|validation|dev", "test|testing|eval"), strict=True)
}

Sizes = Callable[[int], tuple[int, int]]  # how many of a group are test and val


def called(name: str) -> SplitName | None:
    """The split that a name stands for, None for any other name."""
    return next((split for split, names in CALLED.items() if names.fullmatch(name.lower())), None)


def which_split(names: Sequence[str], card: Card, where: str) -> dict[str, int]:
    """The number in SPLITS of each of the data's own names for splits, or UNUSED. Raises DataError."""
    found: dict[str, int] = {}
    for number, split in enumerate(SPLITS):
        for name in card.called(split):
            if name not in names:
                raise DataError(f"{where}: {split}: {unknown('split', name, names)}")
            found[name] = number
    on_purpose = bool(found)
    for number, split in enumerate(SPLITS):
        if not card.called(split):
            found.update({name: number for name in names if name not in found and CALLED[split].fullmatch(name.lower())})
    listed = ", ".join(repr(name) for name in names[:10])
    others = [name for name in names if name not in found]
    if {0, 2} - set(found.values()) or (others and not on_purpose):
        raise DataError(f"{where} calls its splits {listed}: say which is which by train=NAME, test=NAME and perhaps val=NAME")
    return found | dict.fromkeys(others, UNUSED)


def _of_all(count: int) -> tuple[int, int]:
    return max(1, round(TEST_SHARE * count)), round(VAL_SHARE * count)


def _of_train(count: int) -> tuple[int, int]:
    return 0, min(count - 1, round(VAL_SHARE * count))


def draw_split(groups: Iterable[tuple[str, np.ndarray]], count: int, seed: int) -> np.ndarray:
    """Numbers in SPLITS [count] for rows in groups, each a name and the rows [M]. A group's parts depend on no other group."""
    return _drawn(groups, np.zeros(count, np.int8), _of_all, seed)


def draw_val(groups: Iterable[tuple[str, np.ndarray]], numbers: np.ndarray, seed: int) -> np.ndarray:
    """The same with a fifth of each group's train rows as val."""
    return _drawn(((name, rows[numbers[rows] == 0]) for name, rows in groups), numbers, _of_train, seed)


def _drawn(groups: Iterable[tuple[str, np.ndarray]], numbers: np.ndarray, sizes: Sizes, seed: int) -> np.ndarray:
    numbers = numbers.copy()
    for name, rows in groups:
        order = np.random.default_rng([seed, zlib.crc32(name.encode())]).permutation(len(rows))
        test, val = sizes(len(rows))
        numbers[rows[order[:test]]] = SPLITS.index("test")
        numbers[rows[order[test : test + val]]] = SPLITS.index("val")
    return numbers


def grouped(numbers: np.ndarray, names: Sequence[str]) -> list[tuple[str, np.ndarray]]:
    """Each name with the rows that have its number."""
    order = np.argsort(numbers, kind="stable")
    return list(zip(names, np.split(order, np.cumsum(np.bincount(numbers, minlength=len(names)))[:-1]), strict=True))
