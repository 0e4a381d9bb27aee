"""Tables of values parted by commas, semicolons, tabs or bars, as other programs write them.

The first line names the columns and shows what parts them; before it, Excel may say `sep=;`. UTF-8, or UTF-16 with its mark.
Blanks around values don't count. A value in quotation marks may hold line breaks, and a mark doubled; where a mark lacks its
partner, all marks are taken as they are, if every line then has as many values as there are columns.
"""

from __future__ import annotations

import codecs
import csv
import io
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from bench.errors import DataError
from tasks.images import EXTENSIONS
from tasks.own.table import DataTable

PARTING = ("\t", ";", ",", "|")
_Rows = list[list[str]]


class _Unclosed(Exception):
    """A quotation mark without its partner; the message says where."""


def read_csv(path: Path, header: Sequence[str] = ()) -> DataTable:
    """`header` names the columns of a file without a first line for it. Raises DataError."""
    text = _text(path)
    parting = _parting(path, text)
    notes: tuple[str, ...] = ()
    with _any_length():
        try:
            rows = _parted(path, text, parting, header)
        except _Unclosed as where:
            rows = _as_they_are(path, text, parting, header, str(where))
            notes = (f"{path.name}: {where}: all of them are taken as they are",)
    names = tuple(header) or tuple(name.strip() for name in rows.pop(0))
    return DataTable(str(path), path.parent, names, partial(_columns, names, rows), notes=notes)


def _text(path: Path) -> str:
    try:
        body = path.read_bytes()
        wide = body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        text = body.decode("utf-16" if wide else "utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        remedy = "correct it" if isinstance(error, OSError) else "save it as UTF-8"
        raise DataError(f"{path} can't be read as a table ({reason}): {remedy}") from error
    if "\0" in text:
        raise DataError(f"{path} can't be read as a table (it holds zero bytes): save it as UTF-8")
    first, _, rest = text.partition("\n")
    text = rest if first.strip().lower() in {f"sep={mark}" for mark in PARTING} | {"sep="} else text
    if not text.strip():
        raise DataError(f"{path} can't be read as a table (it is empty): give a table with a line of column names")
    return text


def _parting(path: Path, text: str) -> str:
    first = text.lstrip("\r\n").partition("\n")[0]
    if path.suffix.lower() == ".tsv" or "\t" in first:
        return "\t"
    return max((",", ";", "|"), key=lambda mark: first.count(mark) if mark != "|" or "," not in first else 0)


def _parted(path: Path, text: str, parting: str, header: Sequence[str]) -> _Rows:
    """Raises _Unclosed for a quotation mark without its partner, DataError for a row of another number of values."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=parting, skipinitialspace=parting != "\t", strict=True)
    rows: _Rows = []
    start = 1
    try:
        for row in reader:
            if row:
                rows.append(row)
                if any("\n" in value and _holds_row(value, parting) for value in row):
                    raise _Unclosed(f"the quotation mark in {_row(rows, header)} seems to lack its partner")
            start = reader.line_num + 1
    except csv.Error as error:
        raise _Unclosed(f"a quotation mark on or after line {start} lacks its partner") from error
    _even(path, rows, header)
    return rows


def _holds_row(value: str, parting: str) -> bool:
    """Whether a line inside a value is a row, or the beginning of one, that names an image."""
    parts = [line.split(parting) for line in value.split("\n")[1:]]
    return any(len(part) > 1 and any(map(_names_image, part)) for part in parts)


def _names_image(value: str) -> bool:
    return Path(value.strip()[-20:]).suffix.lower() in EXTENSIONS


def _as_they_are(path: Path, text: str, parting: str, header: Sequence[str], reason: str) -> _Rows:
    try:
        lines = csv.reader(io.StringIO(text, newline=None), delimiter=parting, quoting=csv.QUOTE_NONE)
        rows = [row for row in lines if row]
        _even(path, rows, header)
    except (csv.Error, DataError) as error:
        remedy = "write a mark inside a value twice, and the value between marks"
        raise DataError(f"{path} can't be read as a table ({reason}): {remedy}") from error
    return [[_unwrapped(value.strip()) for value in row] for row in rows]


def _unwrapped(value: str) -> str:
    wrapped = len(value) > 1 and value[0] == value[-1] == '"'
    return value[1:-1].replace('""', '"') if wrapped else value


def _even(path: Path, rows: _Rows, header: Sequence[str]) -> None:
    columns = len(header or rows[0])
    for number, row in enumerate(rows):
        if len(row) != columns:
            where = _row(rows[: number + 1], header)
            raise DataError(f"{path} can't be read as a table ({where} has {len(row)} values, not {columns}): correct the file")


def _row(rows: _Rows, header: Sequence[str]) -> str:
    """The last of them, counted from 1 without a header."""
    return f"row {len(rows) - (not header)}"


def _columns(names: Sequence[str], rows: _Rows, wanted: Sequence[str]) -> pa.Table:
    places = {name: names.index(name) for name in wanted}
    return pa.table({name: pa.array([row[place].strip() for row in rows], pa.large_string()) for name, place in places.items()})


@contextmanager
def _any_length() -> Iterator[None]:
    """Values of any length: the library's limit guards against marks without a partner, which are found here."""
    before: Any = csv.field_size_limit(sys.maxsize)
    try:
        yield
    finally:
        csv.field_size_limit(before)
