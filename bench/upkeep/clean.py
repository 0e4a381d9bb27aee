"""Disk space that a results folder can do without. Records are never touched."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bench.errors import StoreError
from bench.store.shards import Line, folder_shards, read_lines
from bench.store.store import latest

SETTLED_S = 3600.0  # a younger file may belong to a cell whose record is about to be written
UNFINISHED = ("*.part", "*.draft", ".probe-*")  # what a crash in the middle of writing leaves


@dataclass(frozen=True)
class Removable:
    what: str  # "bank", "artifacts", "unfinished files"
    paths: tuple[Path, ...]
    files: int
    size: int  # bytes


@dataclass(frozen=True)
class Cleaned:
    found: tuple[Removable, ...]
    young: int  # files that nothing refers to, left since they are less than an hour old
    removed: bool

    @property
    def size(self) -> int:
        """Bytes."""
        return sum(part.size for part in self.found)


def clean(out: Path, remove: bool = False) -> Cleaned:
    """What could go: the bank, which is made again when it is needed; artifacts that no record that counts refers to; what
    interrupted writes left. It goes only if `remove` is set.

    Raises UsageError for a folder without records, StoreError if records are of a newer schema (what they refer to can't be
    known) or if something can't be read or removed.
    """
    lines = list(read_lines(folder_shards(out)))
    for line in lines:
        if line.newer:
            raise StoreError(line.problem)
    try:
        bank = out / "bank"
        inside = [path for path in bank.rglob("*") if path.is_file()] if bank.is_dir() and not bank.is_symlink() else []
        groups: list[tuple[str, tuple[Path, ...], list[Path]]] = [("bank", (bank,) if inside else (), inside)]
        young = 0
        for what, candidates in (("artifacts", _unneeded(out, lines)), ("unfinished files", _unfinished(out))):
            settled = [path for path in candidates if time.time() - path.lstat().st_mtime > SETTLED_S]
            young += len(candidates) - len(settled)
            groups.append((what, tuple(settled), settled))
        found = tuple(Removable(what, paths, len(files), _size(files)) for what, paths, files in groups)
        if remove:
            for path in (path for part in found for path in part.paths):
                shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    except OSError as error:
        raise StoreError(f"{error.filename or out}: not removed ({error.strerror}): check permissions, then try again") from error
    return Cleaned(found, young, remove)


def _unneeded(out: Path, lines: Iterable[Line]) -> list[Path]:
    """Files that belong to no record that counts. What a line that can't be read may have named is kept."""
    lines = list(lines)
    counting = latest(line.record for line in lines if line.record is not None).values()
    needed = {out / name for record in counting for name in record.artifacts.values()}
    damaged = b"\n".join(line.raw for line in lines if line.record is None)
    found = [path for path in sorted((out / "artifacts").rglob("*")) if path.is_file() and path not in needed]
    return [path for path in found if path.suffix != ".part" and path.stem.encode() not in damaged]


def _unfinished(out: Path) -> list[Path]:
    folders = (out, out / "records", out / "artifacts")
    return sorted(path for folder in folders for pattern in UNFINISHED for path in folder.glob(pattern) if path.is_file())


def _size(files: Iterable[Path]) -> int:
    return sum(path.lstat().st_size for path in files)
