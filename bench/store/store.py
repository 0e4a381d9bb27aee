"""The append-only store: JSON lines, one shard per writer, flushed and fsynced per record.

    OUT/records/<writer>.jsonl     one record a line
    OUT/artifacts/...              predictions and trained weights
    OUT/logs/...                   what workers printed; nothing depends on it

Merging two stores is copying their files together. A torn last line is what a crash leaves behind: it is
reported, ignored, and its cell runs again.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Collection, Hashable, Iterable, Iterator
from pathlib import Path

import msgspec

from bench.errors import StoreError
from bench.store.record import CellInfo, Record, to_json
from bench.store.shards import read_lines, readable, shards_in


def cell_key(cell: CellInfo, regardless_of: Collection[str] = ()) -> Hashable:
    """What makes two attempts attempts at the same cell, as a hashable value.

    The backbone counts by fingerprint and the method by its parameters and code, not by their names and what is told of them.
    `regardless_of`: further fields that are not to count.
    """
    values = msgspec.structs.asdict(cell)
    for name in ("label", "family", "backbone", "sees", *regardless_of):
        values.pop(name)
    return to_json(values, order="deterministic")


class Store:
    """A results folder. Only one process appends through one `Store`; each has its own shard."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.problems: list[str] = []  # lines that were passed over, filled by `read`
        self._shard: Path | None = None

    @property
    def records_folder(self) -> Path:
        return self.root / "records"

    @property
    def artifacts_folder(self) -> Path:
        return self.root / "artifacts"

    def prepare(self) -> None:
        """Make the folders and see that they can be written, before any work is done.

        Raises StoreError on a read-only or full disk.
        """
        try:
            self.records_folder.mkdir(parents=True, exist_ok=True)
            self.artifacts_folder.mkdir(exist_ok=True)
            probe = self.root / f".probe-{uuid.uuid4().hex}"
            try:
                probe.write_bytes(b"x" * 65536)
            finally:
                probe.unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(
                f"{self.root}: can't write results here ({error.strerror}): free space or choose another --out"
            ) from error

    def append(self, record: Record) -> None:
        """Write one record; it is on disk when this returns. Raises StoreError and leaves no half line.

        A cell whose worker could not write beside the store has no result, and its record is refused by the same error.
        """
        if record.error is not None and record.error.type == StoreError.__name__:
            raise StoreError(record.error.message)
        if self._shard is None:
            self._shard = self.records_folder / f"{uuid.uuid4().hex[:12]}.jsonl"
        line = to_json(record) + b"\n"
        try:
            with self._shard.open("ab", buffering=0) as file:
                before = file.tell()
                try:
                    left = memoryview(line)
                    while left:
                        left = left[file.write(left) :]
                    os.fsync(file.fileno())
                except OSError:
                    os.truncate(self._shard, before)
                    raise
        except OSError as error:
            raise StoreError(
                f"{self._shard}: record of {record.cell.label} on {record.cell.task} not written ({error.strerror}): "
                "free space, then run the same command again; what was written before stays"
            ) from error

    def read(self) -> Iterator[Record]:
        """All records, shard by shard, in the order written. Lines that aren't records go to `problems`.

        Raises StoreError if the folder or a shard can't be read: taken for empty, all would be computed again.
        """
        self.problems = []
        yield from readable(read_lines(shards_in(self.records_folder)), self.problems)

    def latest(self) -> dict[Hashable, Record]:
        """The record that counts for each cell."""
        return latest(self.read())


def artifact_path(out: Path, name: str) -> Path | None:
    """The file that a record calls `name`; None if that isn't inside the folder of artifacts: records may come from others."""
    path = out / name
    try:
        inside = path.resolve().is_relative_to((out / "artifacts").resolve())
    except (OSError, ValueError, RuntimeError):  # too long, a zero byte, links in a circle
        return None
    return path if inside else None


def artifact(out: Path, record: Record, what: str) -> Path | None:
    """The file of a record, "predictions" or "weights", in the results folder `out`; None if the record names none.

    Raises StoreError for a name that leads out of the folder.
    """
    name = record.artifacts.get(what)
    path = None if name is None else artifact_path(out, name)
    if name is not None and path is None:
        raise StoreError(f"{out}: record {record.record_id} names {name!r}, which is not in artifacts/: take that record out")
    return path


def latest(records: Iterable[Record]) -> dict[Hashable, Record]:
    """The record that counts for each cell: the last finished one, a successful one before any other.

    A record that another one corrects never counts.
    """
    records = list(records)
    corrected = {record.corrects for record in records}
    best: dict[Hashable, Record] = {}
    for record in records:
        if record.record_id in corrected:
            continue
        key = cell_key(record.cell)
        if key not in best or _rank(record) >= _rank(best[key]):
            best[key] = record
    return best


def newest(records: Iterable[Record]) -> dict[Hashable, Record]:
    """As `latest`, but for each cell regardless of the code of its method: of several the one that finished last.

    The keys are those of `cell_key` without the code.
    """
    found: dict[Hashable, Record] = {}
    for record in latest(records).values():
        key = cell_key(record.cell, ("method_code",))
        if key not in found or _finished(record) >= _finished(found[key]):
            found[key] = record
    return found


def _finished(record: Record) -> tuple[str, str]:
    return record.provenance.finished if record.provenance else "", record.record_id


def _rank(record: Record) -> tuple[bool, str]:
    return record.status == "ok", _finished(record)[0]
