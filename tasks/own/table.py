"""Tables on disk as rows with named columns, read when they are asked for: JSON and Parquet; CSV is in delimited.py."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from bench.errors import DataError


@dataclass(frozen=True)
class DataTable:
    """Rows with named columns, all text as `large_string`."""

    where: str  # what messages call it
    folder: Path  # image paths start here
    names: tuple[str, ...]
    read: Callable[[Sequence[str]], pa.Table]  # these columns
    class_names: Mapping[str, Sequence[str]] = field(default_factory=dict)  # of columns of numbers that carry their names
    notes: tuple[str, ...] = ()  # what a reader of figures should know, such as how many files were left out

    def __post_init__(self) -> None:
        twice = [name for name in self.names if self.names.count(name) > 1]
        if twice:
            raise DataError(f"{self.where} has two columns called {twice[0]!r}: rename one")


Tables = dict[str, DataTable]  # by the data's own name of the split; "" where there is one table for all


def place(base: Path, path: str) -> Path:
    """Where a path leads that starts from `base`, whether or not anything is there. Raises DataError if nothing can be."""
    try:
        found = base / Path(path).expanduser()
        found.exists()
    except RuntimeError as error:
        raise DataError(f"{path}: there is no such user: write the folder out") from error
    except OSError as error:
        raise DataError(f"{path[:200]}: {error.strerror}: give the path of a file or folder that can be read") from error
    return found


def tables_of(path: Path, extensions: Sequence[str], read: Callable[[Path], DataTable]) -> Tables:
    """One file, or a folder with one per split (train.csv, test.csv, ...). Raises DataError."""
    if path.is_file():
        return {"": read(path)}
    files = sorted(file for file in path.glob("*") if _is_split(file, extensions)) if path.is_dir() else []
    if not files:
        what = f"no {' or '.join(extensions)} file in this folder" if path.is_dir() else "no such file"
        raise DataError(f"{path}: {what}: give the table, or a folder that holds one per split, such as train{extensions[0]}")
    by_name: dict[str, Path] = {}
    for file in files:
        if file.stem in by_name:
            raise DataError(f"{path} has {by_name[file.stem].name} and {file.name}: leave one table of that name, or rename it")
        by_name[file.stem] = file
    return {name: read(file) for name, file in by_name.items()}


def _is_split(file: Path, extensions: Sequence[str]) -> bool:
    """A table, and neither a hidden file nor a word to the reader."""
    told = file.stem.lower() in ("readme", "license", "licence", "classes", "labels")
    return file.suffix.lower() in extensions and not file.name.startswith(".") and not told


def _reading(path: Path, read: Callable[[], Any]) -> Any:
    try:
        return read()
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        reason = str(error).splitlines()[0]
        encoded = isinstance(error, UnicodeDecodeError) or "UTF8" in reason
        remedy = "save it as UTF-8" if encoded else "correct the file"
        raise DataError(f"{path} can't be read as a table ({reason[:200]}): {remedy}") from error


def read_json(path: Path) -> DataTable:
    """A list of objects, or an object per line."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        rows = json.loads(text) if text.lstrip().startswith("[") else list(_lines(text))
    except (OSError, ValueError, RecursionError) as error:
        reason = str(error)
        if isinstance(error, json.JSONDecodeError):
            reason = f"line {error.lineno}: {error.msg}"
        remedy = "give a list of objects, or an object per line"
        raise DataError(f"{path} can't be read as JSON ({reason}): {remedy}") from error
    if not all(isinstance(row, dict) for row in rows):
        raise DataError(f"{path} holds something else than objects with named values: give a list of objects, or one per line")
    names = tuple(dict.fromkeys(name for row in rows for name in row))
    return DataTable(str(path), path.parent, names, partial(_json_columns, str(path), rows))


def _lines(text: str) -> Iterator[Any]:
    for number, line in enumerate(text.split("\n")):  # other marks of a line's end may stand in a text
        try:
            if line.strip():
                yield json.loads(line)
        except json.JSONDecodeError as error:
            raise json.JSONDecodeError(error.msg, "\n" * number, number) from error  # counts the lines before it


def _json_columns(where: str, rows: list[dict[str, Any]], columns: Sequence[str]) -> pa.Table:
    found = {}
    for name in columns:
        try:
            found[name] = _json_column([row.get(name) for row in rows])
        except DataError as error:
            raise DataError(f"{where}, column {name!r}: {error}") from error
    return pa.table(found)


def _json_column(values: list[Any]) -> pa.Array:
    if any(isinstance(value, list) for value in values):
        lists = [value if isinstance(value, list) or value is None else [value] for value in values]
        return pa.array([value and [_text(part) for part in value] for value in lists], pa.large_list(pa.large_string()))
    return pa.array([_text(value) for value in values], pa.large_string())


def _text(value: Any) -> str | None:
    if isinstance(value, dict | list):
        raise DataError(
            f"{json.dumps(value, ensure_ascii=False)[:80]}: a text or a number is needed, not an object or a list in a list"
        )
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def read_parquet(path: Path, stored: Callable[[Path], DataTable]) -> DataTable:
    """A Parquet file with columns of text and numbers; `stored` reads one that holds images themselves, without loading them."""
    schema = _reading(path, lambda: parquet.read_schema(path))
    if any(holds_images(kind) for kind in schema.types):
        return stored(path)
    return DataTable(
        str(path),
        path.parent,
        tuple(schema.names),
        lambda columns: _reading(path, lambda: parquet.read_table(path, columns=list(columns))),
        carried_names(path),
    )


def carried_names(path: Path) -> dict[str, list[str]]:
    """The names that a column's numbers stand for, by column, as `datasets` writes them into Parquet files. Raises DataError."""
    schema = _reading(path, lambda: parquet.read_schema(path))
    features = _reading(path, lambda: json.loads((schema.metadata or {}).get(b"huggingface", b"{}")))
    return {
        name: list(feature["names"])
        for name, feature in features.get("info", {}).get("features", {}).items()
        if isinstance(feature, dict) and "names" in feature
    }


def numbered_otherwise(one: str, other: str, column: str) -> DataError:
    remedy = f"save both with one list of names, or with the names in column {column!r}"
    return DataError(f"{one} numbers its classes otherwise than {other}: {remedy}")


def holds_images(kind: pa.DataType) -> bool:
    """Whether a column of this type may hold images themselves: bytes, or bytes beside a path."""
    return bool(pa.types.is_struct(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind))
