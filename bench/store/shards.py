"""The lines of a store as they lie on disk, readable or not; what reads, compares, merges and cleans stores goes by them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.errors import StoreError, UsageError
from bench.store.record import NotARecord, Record, from_json


@dataclass(frozen=True)
class Line:
    """One line that is not blank; either `record` or `problem` is given."""

    shard: Path
    raw: bytes  # without its line break
    record: Record | None = None
    problem: str | None = None  # one line that names file and line number
    newer: bool = False  # the problem is a record of a schema that this program can't read yet


def folder_shards(out: Path) -> list[Path]:
    """The files of records of a results folder. Raises UsageError where there is none, StoreError if it can't be read."""
    return _listed(out, out / "records")


def find_shards(source: Path) -> list[Path]:
    """The same of a results folder, of its records folder, or a file of records given itself."""
    if source.is_file():
        return [source]
    return _listed(source, source / "records" if (source / "records").is_dir() else source)


def shards_in(folder: Path) -> list[Path]:
    """The files of records in it; none if there is no such folder. Raises StoreError if it can't be read."""
    try:
        return sorted(path for path in folder.iterdir() if path.suffix == ".jsonl")  # glob takes what is closed for empty
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise unreadable(folder, error) from error


def unreadable(path: Path, error: OSError) -> StoreError:
    return StoreError(f"{path}: can't read ({error.strerror}): check permissions")


def _listed(source: Path, folder: Path) -> list[Path]:
    found = shards_in(folder)
    if not found:
        raise UsageError(f"{source}: no records here: give a results folder that 'python -m bench run --out' wrote")
    return found


def read_lines(shards: Iterable[Path]) -> Iterator[Line]:
    """Every line, shard by shard. Raises StoreError if a file can't be read."""
    for shard in shards:
        try:
            with shard.open("rb") as file:
                for number, text in enumerate(file, 1):
                    raw = text.rstrip(b"\r\n")
                    if not raw.strip():
                        continue
                    try:
                        yield Line(shard, raw, record=from_json(raw, f"{shard}:{number}"))
                    except NotARecord as problem:
                        yield Line(shard, raw, problem=str(problem))
                    except StoreError as problem:
                        yield Line(shard, raw, problem=str(problem), newer=True)
        except OSError as error:
            raise unreadable(shard, error) from error


def readable(lines: Iterable[Line], problems: list[str]) -> Iterator[Record]:
    """The records; what the other lines are goes to `problems`. Raises StoreError for a record of a newer schema."""
    for line in lines:
        if line.record is not None:
            yield line.record
        elif line.newer:
            raise StoreError(line.problem)
        else:
            problems.append(line.problem or "")
