"""Claims on cells: who is at a cell holds a lock on it, so that two runs on one store don't compute the same cell.

    OUT/.claims     one empty file; a cell's lock is one byte of it, at a place that the cell's key gives

The system holds the locks, the file nothing: they vanish with the process that took them, however it ends.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
from collections.abc import Hashable
from pathlib import Path
from typing import BinaryIO

from bench.errors import StoreError


class Claims:
    """The claims of this process on the cells of one results folder.

    On a file system without locks every claim is granted: then two runs may compute a cell twice, and the later
    record counts. Have one per process and folder at a time: closing any of several gives up the claims of all.
    """

    def __init__(self, out: Path) -> None:
        self._path = out / ".claims"
        self._file: BinaryIO | None = None

    def __enter__(self) -> Claims:
        return self

    def __exit__(self, *error: object) -> None:
        """Gives up all claims."""
        if self._file is not None:
            self._file.close()

    def take(self, key: Hashable) -> bool:
        """Whether the cell is ours now. Raises StoreError if the file of claims can't be opened."""
        try:
            self._lock(key, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            return error.errno not in (errno.EACCES, errno.EAGAIN)
        return True

    def release(self, key: Hashable) -> None:
        """Another run may have it; its record should be in the store by now."""
        try:
            self._lock(key, fcntl.LOCK_UN)
        except OSError:  # no locks here
            return

    def _lock(self, key: Hashable, how: int) -> None:
        if self._file is None:
            try:
                self._file = self._path.open("ab")
            except OSError as error:
                raise StoreError(f"{self._path}: can't be opened ({error.strerror}): check permissions") from error
        place = int.from_bytes(hashlib.sha256(repr(key).encode()).digest()[:7], "big")
        fcntl.lockf(self._file, how, 1, place)
