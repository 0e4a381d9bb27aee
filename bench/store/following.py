"""What is added to a store while one looks: by other runs, and by jobs that write their own shards."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from bench.store.record import NotARecord, Record, from_json
from bench.store.shards import shards_in, unreadable
from bench.store.store import Store

Positions = Mapping[str, int]  # shard's name -> bytes read


class Follower:
    """Gives each record that was added since it was made, or since `positions` were noted, once.

    Raises StoreError if a shard can't be read.
    """

    def __init__(self, store: Store, positions: Positions | None = None) -> None:
        self._folder = store.records_folder
        self._read: dict[str, int] = dict(positions or {})
        if positions is None:
            # A line that is being written just now is a record that is still to come.
            self._read = {path.name: _whole_lines(_read(path, 0)) for path in shards_in(self._folder)}
        self.positions: Positions = dict(self._read)  # where it began; another process can begin there, too

    def new(self) -> list[Record]:
        """Records whose lines are complete. Other lines are left to `Store.read`, which reports them.

        Raises StoreError if a shard can't be read.
        """
        found: list[Record] = []
        for path in shards_in(self._folder):
            found += self._lines(path)
        return found

    def _lines(self, path: Path) -> list[Record]:
        begin = self._read.get(path.name, 0)
        body = _read(path, begin)
        body = body[: _whole_lines(body)]
        self._read[path.name] = begin + len(body)
        found = []
        for line in body.splitlines():
            try:
                found.append(from_json(line, str(path)))
            except NotARecord:
                continue
        return found


def _read(path: Path, begin: int) -> bytes:
    """What comes after so many bytes. Raises StoreError."""
    try:
        with path.open("rb") as file:
            file.seek(begin)
            return file.read()
    except OSError as error:
        raise unreadable(path, error) from error


def _whole_lines(body: bytes) -> int:
    """The bytes of all lines that have their end."""
    return body.rfind(b"\n") + 1
