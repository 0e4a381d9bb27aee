"""The rows of a data set before any image of it is opened: ids and labels of each split, and what must hold for them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence, Sized
from dataclasses import dataclass

import numpy as np

from bench.errors import DataError
from tasks.base import SplitName

VAL_SHARE = 0.2  # of each class's training rows, where a set has no validation split of its own


@dataclass(frozen=True)
class Labelled:
    """One split. labels: [N] int64."""

    ids: Sequence[str]
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)

    def of(self, chosen: np.ndarray) -> Labelled:
        """The rows of some positions [n], in their order."""
        return Labelled([self.ids[position] for position in chosen], self.labels[chosen])


Splits = Mapping[SplitName, Labelled]


def held_out(labels: np.ndarray) -> np.ndarray:
    """Which rows [N] (bool) stand in for a validation split: a seeded fifth of each class, and never all of it."""
    chosen = np.zeros(len(labels), bool)
    order = np.argsort(labels, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(labels[order])) + 1):
        count = min(len(rows) - 1, round(VAL_SHARE * len(rows)))
        if count > 0:
            chosen[np.random.default_rng([0, int(labels[rows[0]])]).permutation(rows)[:count]] = True
    return chosen


def with_validation(splits: Splits) -> Splits:
    """The same splits; a set without validation rows gets some of its training rows for that, if it has any."""
    if "val" in splits or "train" not in splits:
        return splits
    train, val = splits["train"], held_out(splits["train"].labels)
    return {**splits, "train": train.of(np.flatnonzero(~val)), "val": train.of(np.flatnonzero(val))}


def of_split(name: object, splits: Splits, split: SplitName) -> Labelled:
    """Raises DataError for a set that has only test images."""
    if split not in splits:
        raise DataError(f"{name} has test images only: fit to another task, and score this one by --evaluate task:{name}")
    return splits[split]


def check_unique(where: object, splits: Splits) -> None:
    """Raises DataError for an image that is named twice, in one split or in two."""
    seen: dict[str, SplitName] = {}
    for split, rows in splits.items():
        for name in rows.ids:
            if name in seen:
                twice = f"twice in {split}" if seen[name] == split else f"in {seen[name]} and in {split}"
                raise DataError(
                    f"{where}: {name!r} is {twice}: an image may be named once; get the file again, or remove one line"
                )
            seen[name] = split


def check_labels(where: object, rows: Labelled, classes: int) -> None:
    """Raises DataError for the first label that is no number of a class."""
    outside = np.flatnonzero((rows.labels < 0) | (rows.labels >= classes))
    if len(outside):
        first = outside[0]
        raise DataError(
            f"{where}: label {rows.labels[first]} of {rows.ids[first]!r} is outside 0..{classes - 1}: "
            "there are too few class names, or the file belongs to another data set"
        )


OTHER_COUNTS = "other counts"  # whose split it is where --other-counts took it


def wrong_classes(names: Sequence[str], expected: int) -> list[str]:
    """The same for the number of classes."""
    return [] if len(names) == expected else [f"{len(names):,} classes, {expected:,} expected"]


def wrong_counts(splits: Mapping[SplitName, Sized], sizes: Mapping[SplitName, int]) -> list[str]:
    """What differs from the sizes that are expected, as "1,880 train, 2,820 expected"."""
    found = {split: len(rows) for split, rows in splits.items()}
    return [f"{found.get(split, 0):,} {split}, {size:,} expected" for split, size in sizes.items() if found.get(split) != size]


def counts_error(where: object, wrong: Sequence[str]) -> DataError:
    return DataError(
        f"{where}: {'; '.join(wrong)}: get the missing files (docs/data.md), or use --other-counts "
        "to take the data as they are, in tables of their own"
    )


def version(texts: Iterable[str], splits: Splits, held: bytes) -> str:
    """A short hash of class names and templates, of which images with which labels are in which split, and what they hold."""
    digest = hashlib.sha256("\n".join(texts).encode())
    for split, rows in splits.items():
        digest.update(f"\n{split}\n".encode())
        digest.update("\n".join(rows.ids).encode("utf-8", "surrogatepass"))
        digest.update(rows.labels.astype("<i8").tobytes())
    digest.update(held)
    return digest.hexdigest()[:12]
