"""Reading annotation files, and finding the images that they name; every error says which file, where, and the remedy."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from bench.errors import DataError
from tasks.image_files import Files

Form = TypeVar("Form")
AGAIN = "download the file again"


def read_bytes(path: Path) -> bytes:
    """Raises DataError for a file that is missing, unreadable or empty."""
    try:
        body = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} can't be read ({error.strerror}): put the file there") from error
    if not body.strip():
        raise DataError(f"{path} is empty: {AGAIN}")
    return body


def read_json(path: Path, form: type[Form]) -> Form:
    """A whole JSON file as `form`. Raises DataError."""
    try:
        return msgspec.json.decode(read_bytes(path), type=form)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DataError(f"{path} is not as expected ({error}): {AGAIN}") from error


def read_lines(path: Path) -> list[str]:
    """Lines of text without their ends. Raises DataError."""
    try:
        return [line.removesuffix("\r") for line in read_bytes(path).decode("utf-8-sig").split("\n")]
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 text ({error}): {AGAIN}") from error


def read_json_lines(path: Path, form: type[Form]) -> Iterator[tuple[int, Form]]:
    """Line number (from 1) and content of each line that isn't blank. Raises DataError that names the line."""
    decoder = msgspec.json.Decoder(form)
    for number, line in enumerate(read_bytes(path).split(b"\n"), 1):
        if line.strip():
            try:
                yield number, decoder.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                raise DataError(f"{path}, line {number}: not as expected ({error}): {AGAIN}") from error


def no_duplicates(path: Path, what: str, names: Iterable[object]) -> None:
    """Raises DataError that names the first of `names` to come twice."""
    seen: set[object] = set()
    for name in names:
        if name in seen:
            raise DataError(f"{path}: {what} {name!r} is there twice: remove one")
        seen.add(name)


def present(folder: Path, names: Sequence[str], annotations: Path) -> Files:
    """The image files that annotations name. Each folder is listed once.

    Raises DataError if a file is missing, with the first one and how many.
    """
    there: dict[str, set[str]] = {}
    missing = []
    for name in dict.fromkeys(names):
        parent, _, file = name.rpartition("/")
        if parent not in there:
            there[parent] = set(_listed(folder / parent))
        if file not in there[parent]:
            missing.append(name)
    if missing:
        count = f"{len(missing)} of {len(set(names))} image files named in {annotations}"
        raise DataError(f"{folder / missing[0]} is missing ({count}): complete the images, or check the folder")
    return Files(folder, names)


def _listed(folder: Path) -> list[str]:
    try:
        return [entry.name for entry in os.scandir(folder)]
    except (OSError, ValueError):  # no such folder; a zero byte in its name
        return []
