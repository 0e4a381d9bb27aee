"""All rows of a user's data without their images: labels, texts, and which split each row is in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from bench.errors import DataError
from tasks.base import Split, SplitName
from tasks.images import White
from tasks.own.card import Card
from tasks.own.dealing import SPLITS, UNUSED, draw_split, draw_val, grouped, which_split
from tasks.own.depth import white_of
from tasks.own.labels import class_numbers, folded
from tasks.own.pictures import Pictures
from tasks.own.remarks import remarks, unused_splits
from tasks.own.roles import Roles, assign
from tasks.own.rows import Rows
from tasks.own.strings import Strings
from tasks.own.table import DataTable, Tables

TRAIN, VAL, TEST = range(3)


@dataclass(frozen=True)
class Index:
    """What the rows are. Images are opened when a split is asked for one."""

    roles: Roles
    pictures: Pictures
    parts: np.ndarray  # [N] int8: number of the row's split in SPLITS, or UNUSED
    labels: np.ndarray  # [N] int64; -1 throughout for retrieval
    texts: Strings | None
    class_names: tuple[str, ...]
    known_labels: tuple[str, ...]  # what the data call the classes
    drawn: bool  # whether the split was drawn here
    white: White | None = None  # of pictures of more than 8 bits
    notes: tuple[str, ...] = ()  # what a reader of figures should know of the data

    def load(self, split: SplitName) -> Split:
        rows = np.flatnonzero(self.parts == SPLITS.index(split))
        texts = None if self.texts is None else self.texts.take(rows)
        return Split(self.pictures.names.take(rows), lambda row: self.image(int(rows[row])), self.labels[rows], texts)

    def image(self, row: int) -> Image.Image:
        """Of any row. Raises DataError that names it."""
        return self.pictures.open(row, self.white)


def read_index(tables: Tables, card: Card, root: Path | None) -> Index:
    """Raises DataError that names the table, the row and the remedy."""
    numbers, used, others = _which_tables(tables, card)
    roles = assign(card, used[0].names, used[0].where)
    by_column = roles.split if len(used) == 1 else None
    columns = [column for column in (roles.image, roles.label, roles.text, by_column) if column is not None]
    rows = Rows(used, list(dict.fromkeys(columns)), roles.text if roles.kind == "retrieval" else None)
    left_out = [*_most_frequent(rows, roles, card), *_of_other_splits(others, roles)]
    left_out += [f"left out, images without a caption: {rows.without}"] if rows.without else []
    left_out += unused_splits(used[0], roles) if len(used) == 1 and by_column is None else []
    pictures = rows.pictures(roles.image, root, shared=roles.kind != "classification")
    labels, names, known = _labels(rows, roles, card)
    texts = None if roles.text is None else rows.texts(roles.text)
    images, ids = pictures.names.numbered()
    if roles.kind == "classification":
        _each_once(images, ids, rows)
        units, groups = np.arange(len(rows)), grouped(labels, known)
    else:
        units, groups = images, [("", np.arange(len(ids)))]
    if by_column is not None:
        codes, called = rows.strings(by_column).numbered()
        splits = which_split([name or "" for name in called], card, f"{rows.where}: column {by_column!r}")
        parts = np.array([splits[name or ""] for name in called], np.int8)[codes]
    elif len(used) > 1:
        parts = np.repeat(np.array(numbers, np.int8), rows.counts)
    else:
        if any(card.called(split) for split in SPLITS):
            raise DataError(
                f"{rows.where} has no split of its own to name: say by split=COLUMN where it is, or leave train, val and test out"
            )
        _enough(groups, rows.where, "image" if roles.kind == "classification" else "different image")
        parts = draw_split(groups, len(units) and int(units.max()) + 1, card.seed)[units]
    if not (parts == VAL).any():
        parts = _with_val(parts, units, groups, card.seed)
    _learnable(parts, labels, names, rows)
    white, told = white_of(pictures, card.white)
    unused = int((parts == UNUSED).sum())
    left_out += [f"left out, rows of other splits: {unused}"] if unused else []
    notes = (*remarks(roles, used, texts, images), *left_out, *told)
    drawn = by_column is None and len(used) == 1
    return Index(roles, pictures, parts, labels, texts, names, tuple(known), drawn, white, notes)


def _labels(rows: Rows, roles: Roles, card: Card) -> tuple[np.ndarray, tuple[str, ...], list[str]]:
    if roles.label is None:
        return np.full(len(rows), -1, np.int64), (), []
    return class_numbers(rows.strings(roles.label), card, rows.class_names(roles.label), rows.where, rows.place)


def _most_frequent(rows: Rows, roles: Roles, card: Card) -> list[str]:
    """Leaves the rows of the card's most frequent labels, of equally frequent ones the first in the alphabet; and says so."""
    if card.most is None or roles.label is None:
        return []
    numbers, found = rows.strings(roles.label).numbered()
    whole = [folded(label or "") if card.merge else label or "" for label in found]
    counts = Counter(whole[number] for number in numbers.tolist())
    taken = sorted(counts, key=lambda label: (-counts[label], label))[: card.most]
    kept = np.isin(numbers, [number for number, label in enumerate(whole) if label in set(taken)])
    rows.keep(kept)
    gone = int((~kept).sum())
    return [f"{gone} of {len(kept)} rows left out, whose label is none of the {len(taken)} most frequent"] if gone else []


def _which_tables(tables: Tables, card: Card) -> tuple[list[int], list[DataTable], Tables]:
    """The number of the split of each table that is used, these tables, and the others by their names.

    Of a single table the rows must tell, or are dealt out.
    """
    if len(tables) == 1:
        return [UNUSED], list(tables.values()), {}
    where = next(iter(tables.values())).where
    splits = which_split(list(tables), card, where)
    used = [name for name in tables if splits[name] != UNUSED]
    others = {name: table for name, table in tables.items() if name not in used}
    return [splits[name] for name in used], [tables[name] for name in used], others


def _of_other_splits(others: Tables, roles: Roles) -> list[str]:
    """A line for each table that is no split, with how many rows it has."""
    told = []
    for name, table in others.items():
        small = next((column for column in (roles.label, roles.text, *table.names) if column in table.names), None)
        count = 0 if small is None else table.read([small]).num_rows
        told.append(f"left out, rows of split {name!r}: {count}")
    return told


def _with_val(parts: np.ndarray, units: np.ndarray, groups: list[tuple[str, np.ndarray]], seed: int) -> np.ndarray:
    """A fifth of train as val; rows of one image stay together."""
    of_units = np.full(int(units.max()) + 1, UNUSED, np.int8)
    of_units[units[parts == TRAIN]] = TRAIN
    taken = draw_val(groups, of_units, seed)[units] == VAL
    return np.where((parts == TRAIN) & taken, np.int8(VAL), parts)


def _each_once(images: np.ndarray, ids: Sequence[str], rows: Rows) -> None:
    counts = np.bincount(images)
    if counts.max(initial=0) > 1:
        again = int((counts > 1).argmax())
        first, second = np.flatnonzero(images == again)[:2]
        raise DataError(
            f"{rows.place(int(second))}: image {ids[again]!r} is in {rows.place(int(first))}, too: list each image once"
        )


def _enough(groups: list[tuple[str, np.ndarray]], where: str, what: str) -> None:
    for name, members in groups:
        if len(members) == 1:
            whose = f"{where}: class {name!r}" if name else where
            raise DataError(f"{whose} has one {what} only: 2 or more are needed, one to learn from and one to test on")


def _learnable(parts: np.ndarray, labels: np.ndarray, names: Sequence[str], rows: Rows) -> None:
    for number in (TRAIN, TEST):
        if not (parts == number).any():
            raise DataError(f"{rows.where}: its {SPLITS[number]} split is empty: add examples to it")
    unlearnt = np.setdiff1d(labels[parts == TEST], labels[parts == TRAIN])
    if len(unlearnt):
        row = int(((labels == unlearnt[0]) & (parts == TEST)).argmax())
        raise DataError(
            f"{rows.place(row)}: class {names[unlearnt[0]]!r} has no train examples: add some, or remove its test examples"
        )
