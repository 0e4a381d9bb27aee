"""What image files hold, so that a task whose pictures were replaced under their names is another version of it.

Read are 10,000 files, evenly spaced (all of a smaller set), each whole or, if it is large, in pieces. That depends on
nothing but the files, wherever they lie. What was read is remembered with the files' sizes and times, so that it is read
once; after that each file is asked for its size and time, and read again only if these are others.

Of what isn't read, size and time must do: sizes always count; a file whose time isn't the one that was first seen here is
taken for another. Where nothing is remembered, the times that are found first are the right ones.
"""

from __future__ import annotations

import hashlib
import io
import os
import time
import zipfile
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.writing import write_whole
from tasks.image_files import Files
from tasks.images import DECODING

LOOKED_AT = 10_000  # files that are read
WHOLE = 2**24  # bytes; of a larger file that many are read, in PIECES pieces, evenly spaced
PIECES = 16
MISSING = -1  # size of a file that isn't there
DIGEST = 16  # bytes
UNSETTLED = 2_000_000_000  # nanoseconds: a file may change again without another time while a clock's tick lasts


def contents(files: Iterable[Files], memory: Path | None) -> bytes:
    """A digest of what the files of a task hold, whichever of its rows need them. `memory`: folder of what was read before."""
    names: dict[Path, set[str]] = {}
    for each in files:
        names.setdefault(each.folder, set()).update(each.names)
    digest = hashlib.blake2b(DECODING, digest_size=DIGEST)
    for folder, inside in names.items():
        digest.update(_folder(folder, sorted(inside), memory))
    return digest.digest()


def sampled(count: int) -> np.ndarray:
    """Which of so many [K] int64 are read."""
    return np.unique(np.linspace(0, count - 1, min(count, LOOKED_AT)).astype(np.int64))


def digests(read: Callable[[int], bytes], rows: Sequence[int]) -> np.ndarray:
    """A digest [K, DIGEST] uint8 of what is read for each row, by several threads: hashing lets go of Python's lock."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        made = pool.map(lambda row: hashlib.blake2b(read(row), digest_size=DIGEST).digest(), rows)
        return np.frombuffer(b"".join(made), np.uint8).reshape(-1, DIGEST)


@dataclass(frozen=True)
class _Seen:
    """What is remembered of the files of a folder."""

    sizes: np.ndarray  # [N] int64
    times: np.ndarray  # [N] int64, nanoseconds: when each had last been changed as it was seen first
    read: np.ndarray  # [K, 3] int64: size, time of change, time of the inode's change of the files that were read
    digests: np.ndarray  # [K, DIGEST] uint8 of these


def _folder(folder: Path, names: Sequence[str], memory: Path | None) -> bytes:
    now = time.time_ns()
    stamps = np.array([_stamp(f"{folder}/{name}") for name in names], np.int64).reshape(-1, 3)
    sizes, times = stamps[:, 0], stamps[:, 1]
    chosen = sampled(len(names))
    listed = "\0".join(names).encode("utf-8", "surrogateescape")
    note = None if memory is None else memory / f"{hashlib.sha256(f'{folder.resolve()}'.encode() + listed).hexdigest()[:24]}.npz"
    before = None if note is None else _remembered(note, len(names), len(chosen))
    found = np.zeros((len(chosen), DIGEST), np.uint8) if before is None else before.digests.copy()
    other = np.arange(len(chosen)) if before is None else np.flatnonzero((before.read != stamps[chosen]).any(1))
    found[other] = digests(lambda place: _body(f"{folder}/{names[int(chosen[place])]}"), other.tolist())
    if note is not None and (before is None or len(other)):
        first = before or _Seen(sizes, times, stamps, found)
        settled = np.where((stamps[:, 1:] < now - UNSETTLED).all(1, keepdims=True), stamps, MISSING - 1)[chosen]
        _remember(note, _Seen(first.sizes, first.times, settled, found))
    digest = hashlib.blake2b(listed + sizes.tobytes() + found.tobytes(), digest_size=DIGEST)
    if before is not None:
        unread = sizes > WHOLE
        unread |= ~np.isin(np.arange(len(names)), chosen)
        for place in np.flatnonzero(unread & ((sizes != before.sizes) | (times != before.times))).tolist():
            digest.update(f"\n{names[place]}\t{times[place]}".encode("utf-8", "surrogateescape"))
    return digest.digest()


def _stamp(path: str) -> tuple[int, int, int]:
    try:
        status = os.stat(path)  # noqa: PTH116 - a Path for each of a million files costs more than all the rest
    except (OSError, ValueError):
        return MISSING, 0, 0
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _body(path: str) -> bytes:
    """What is read of a file; nothing of one that can't be."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - as above
            size = os.fstat(file.fileno()).st_size
            if size <= WHOLE:
                return file.read()
            parts = []
            for piece in range(PIECES):
                file.seek((size - WHOLE // PIECES) * piece // (PIECES - 1))
                parts.append(file.read(WHOLE // PIECES))
            return b"".join(parts)
    except (OSError, ValueError):
        return b""


def _remembered(note: Path, count: int, read: int) -> _Seen | None:
    """None where there is nothing, or nothing that can be read."""
    try:
        with note.open("rb") as file, np.load(file, allow_pickle=False) as found:
            seen = _Seen(*(found[name] for name in ("sizes", "times", "read", "digests")))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    shapes = [(count,), (count,), (read, 3), (read, DIGEST)]
    return seen if [part.shape for part in vars(seen).values()] == shapes else None


def _remember(note: Path, seen: _Seen) -> None:
    body = io.BytesIO()
    np.savez(body, **vars(seen))
    with suppress(OSError):  # then it is read again; what else can't be written here is told by whoever has to write it
        note.parent.mkdir(parents=True, exist_ok=True)
        write_whole(note, body.getvalue())
