"""Several results folders brought together in one. Nothing that is there is overwritten; a record is copied once."""

from __future__ import annotations

import filecmp
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.errors import StoreError, UsageError
from bench.store.record import Record
from bench.store.shards import Line, folder_shards, read_lines
from bench.store.store import Store, artifact_path
from bench.writing import write_whole


@dataclass
class Copied:
    """What came of one source."""

    source: Path
    records: int = 0
    known: int = 0  # records that were there already
    artifacts: int = 0
    missing_artifacts: int = 0  # that records name and the source doesn't have
    passed_over: list[str] = field(default_factory=list)  # lines that are no records: torn by a crash


def merge(out: Path, sources: Sequence[Path]) -> list[Copied]:
    """Copy the records of `sources`, and the files that they refer to, into the results folder `out`.

    All is read and looked at before anything is written. Artifacts come before the records that name them and a shard is
    there whole or not at all, so that the same command can be given again after it was interrupted. Raises UsageError for a
    source without records, or where two different records or files have the same name; StoreError for what can't be
    read or written, and for records of a newer schema.
    """
    store = Store(out)
    known = {record.record_id: record for record in store.read()}
    todo: list[tuple[Copied, dict[Path, list[Line]], dict[Path, Path]]] = []
    planned: dict[Path, Path] = {}  # artifacts: target -> origin
    for source in sources:
        if out.exists() and source.exists() and out.samefile(source):
            raise UsageError(f"{source}: is the folder to merge into: name the other folders after it")
        copied, lines = Copied(source), _lines(source)
        fresh = {shard: _fresh(found, known, copied) for shard, found in lines.items()}
        records = [line.record for found in lines.values() for line in found if line.record is not None]
        files = _artifacts(source, out, records, copied, planned)
        todo.append((copied, fresh, files))
    store.prepare()
    for copied, fresh, files in todo:
        for target, origin in files.items():
            _write(target, origin.read_bytes())
            copied.artifacts += 1
        for shard, found in fresh.items():
            if found:
                _write(_free_name(store.records_folder / shard.name), b"".join(line.raw + b"\n" for line in found))
    return [copied for copied, _, _ in todo]


def _lines(source: Path) -> dict[Path, list[Line]]:
    shards = folder_shards(source)
    found: dict[Path, list[Line]] = {shard: [] for shard in shards}
    for line in read_lines(shards):
        if line.newer:
            raise StoreError(line.problem)
        found[line.shard].append(line)
    return found


def _fresh(lines: list[Line], known: dict[str, Record], copied: Copied) -> list[Line]:
    """The lines to copy; what is passed over is counted."""
    fresh = []
    for line in lines:
        if line.record is None:
            copied.passed_over.append(line.problem or "")
            continue
        before = known.setdefault(line.record.record_id, line.record)
        if before is line.record:
            copied.records += 1
            fresh.append(line)
        elif before == line.record:
            copied.known += 1
        else:
            raise UsageError(
                f"{line.shard}: record {line.record.record_id} differs from the one of the same id that was read before: "
                "one of the two was edited; take it out of the folder where it is wrong"
            )
    return fresh


def _artifacts(source: Path, out: Path, records: Sequence[Record], copied: Copied, planned: dict[Path, Path]) -> dict[Path, Path]:
    """Target -> origin of the files to copy. `planned` holds those of all sources."""
    files: dict[Path, Path] = {}
    for name in dict.fromkeys(name for record in records for name in record.artifacts.values()):
        origin, target = artifact_path(source, name), artifact_path(out, name)
        if origin is None or target is None or not origin.is_file():
            copied.missing_artifacts += 1
            continue
        there = planned.get(target, target)
        if there.exists():
            if not filecmp.cmp(origin, there, shallow=False):
                raise UsageError(f"{origin}: differs from {there}, which has the same name: take away the one that is wrong")
            continue
        files[target] = planned[target] = origin
    return files


def _free_name(path: Path) -> Path:
    return path if not path.exists() else path.with_name(f"{uuid.uuid4().hex[:12]}.jsonl")


def _write(path: Path, body: bytes) -> None:
    """Whole or not at all. Raises StoreError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, body)
    except OSError as error:
        raise StoreError(f"{path}: not written ({error.strerror}): free space, then give the same command again") from error


def several_data(out: Path) -> dict[str, int]:
    """Tasks of which the store holds records of different data under one name, and how many. Raises StoreError."""
    versions: dict[str, set[str]] = {}
    for record in Store(out).latest().values():
        versions.setdefault(record.cell.task, set()).add(record.cell.task_version)
    return {task: len(found) for task, found in sorted(versions.items()) if len(found) > 1}
