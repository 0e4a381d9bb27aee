"""What is added to a store while one looks: by other runs, and by jobs that write their own shards."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from bench.errors import StoreError
from bench.record import NotARecord, Record, from_json
from bench.store import Store

Positions = Mapping[str, int]  # shard's name -> bytes read


class Follower:
    """Gives each record that was added since it was made, or since `positions` were noted, once."""

    def __init__(self, store: Store, positions: Positions | None = None) -> None:
        self._folder = store.records_folder
        self._read: dict[str, int] = dict(positions or {})
        if positions is None:
            self._read = {path.name: path.stat().st_size for path in self._folder.glob("*.jsonl")}
        self.positions: Positions = dict(self._read)  # where it began; another process can begin there, too

    def new(self) -> list[Record]:
        """Records whose lines are complete. Other lines are left to `Store.read`, which reports them.

        Raises StoreError if a shard can't be read.
        """
        found: list[Record] = []
        for path in self._folder.glob("*.jsonl"):
            found += self._lines(path)
        return found

    def _lines(self, path: Path) -> list[Record]:
        begin = self._read.get(path.name, 0)
        try:
            if path.stat().st_size <= begin:
                return []
            with path.open("rb") as file:
                file.seek(begin)
                body = file.read()
        except OSError as error:
            raise StoreError(f"{path}: can't read ({error.strerror}): check permissions") from error
        body = body[: body.rfind(b"\n") + 1]
        self._read[path.name] = begin + len(body)
        found = []
        for line in body.splitlines():
            try:
                found.append(from_json(line, str(path)))
            except NotARecord:
                continue
        return found
