"""The rows of one table or several, one after another, read once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import compute

from bench.errors import DataError
from tasks.own.pictures import Pictures, pictures, text_column
from tasks.own.strings import Strings
from tasks.own.table import DataTable, numbered_otherwise


class Rows:
    """Some columns of tables that all have them."""

    def __init__(self, tables: Sequence[DataTable], columns: Sequence[str], lists: str | None) -> None:
        """`lists`: the column that may hold several captions for an image, each of which becomes a row.

        Raises DataError for tables without a column or without rows.
        """
        for table in tables:
            for column in columns:
                if column not in table.names:
                    raise DataError(f"{table.where} has no column {column!r}, which {tables[0].where} has: add or rename one")
        self.tables = tables
        read = [table.read(columns) for table in tables]
        self._parts = [_spread(part, lists) for part in read]
        self.without = 0 if lists is None else sum(_empty(part[lists]) for part in read)  # rows whose list holds nothing
        self.counts = [len(part) for part in self._parts]
        self._numbers: list[np.ndarray] | None = None  # of the rows that were kept, from 1
        for table, count in zip(tables, self.counts, strict=True):
            if not count:
                raise DataError(f"{table.where} holds no rows: add examples, or remove it")

    def __len__(self) -> int:
        return sum(self.counts)

    @property
    def where(self) -> str:
        return self.tables[0].where

    def place(self, row: int) -> str:
        """DataTable and number of a row, counted from 1 without a header."""
        ends = np.cumsum(self.counts)
        part = int(np.searchsorted(ends, row, side="right"))
        inside = row - int(ends[part]) + self.counts[part]
        return f"{self.tables[part].where}, row {inside + 1 if self._numbers is None else self._numbers[part][inside]}"

    def keep(self, chosen: np.ndarray) -> None:
        """Only some of all rows, [N] bool, from now on; `place` still tells where they stand."""
        masks = np.split(chosen, np.cumsum(self.counts)[:-1])
        self._parts = [part.filter(pa.array(mask)) for part, mask in zip(self._parts, masks, strict=True)]
        self._numbers = [np.flatnonzero(mask) + 1 for mask in masks]
        self.counts = [len(part) for part in self._parts]

    def strings(self, column: str) -> Strings:
        texts = [text_column(part[column], table.where, column) for table, part in zip(self.tables, self._parts, strict=True)]
        return Strings(pa.chunked_array([chunk for text in texts for chunk in text.chunks], pa.large_string()))

    def class_names(self, column: str) -> Sequence[str]:
        """The names that numbers of a column stand for, as the tables carry them. Raises DataError where they differ."""
        first, *others = self.tables
        carried = list(first.class_names.get(column, ()))
        for table in others:
            if list(table.class_names.get(column, ())) != carried:
                raise numbered_otherwise(table.where, first.where, column)
        return carried

    def texts(self, column: str) -> Strings:
        """A column without gaps. Raises DataError that names the first row that has nothing."""
        found = self.strings(column)
        blank = compute.fill_null(compute.equal(found.array, ""), True).to_numpy(zero_copy_only=False)
        if blank.any():
            raise DataError(f"{self.place(int(blank.argmax()))} has no {column}: add it, or remove the row")
        return found

    def pictures(self, column: str, root: Path | None, shared: bool) -> Pictures:
        """The images; `root` is the folder that paths start from where it isn't the table's own."""
        parts = [(table.where, root or table.folder, part[column]) for table, part in zip(self.tables, self._parts, strict=True)]
        return pictures(column, parts, shared)


def _empty(column: pa.ChunkedArray) -> int:
    """How many lists hold nothing; 0 of a column of anything else, whose gaps are errors."""
    if not (pa.types.is_list(column.type) or pa.types.is_large_list(column.type)):
        return 0
    return int(compute.sum(compute.equal(compute.fill_null(compute.list_value_length(column), 0), 0)).as_py() or 0)


def _spread(table: pa.Table, column: str | None) -> pa.Table:
    """A row for each part of a column of lists, with whatever else is in the list's row."""
    if column is None or not (pa.types.is_list(table[column].type) or pa.types.is_large_list(table[column].type)):
        return table
    owners = compute.list_parent_indices(table[column])
    flat = compute.list_flatten(table[column])
    return table.take(owners).set_column(table.column_names.index(column), column, flat)
