"""The bank: what frozen stages give, kept on disk, keyed by content.

A *shelf* holds rows of one kind: "activations entering stage 3 of this backbone's image tower, plain image, of
this version of that task". Rows are found by id; those that are missing are computed and put on the shelf as a
new shard. Nested supports, seeds and methods therefore share whatever they have in common.

    ROOT/<shelf hash>/shelf.json            what the shelf holds, for people
    ROOT/<shelf hash>/<shard hash>.safetensors

A shard carries its own checksum and what each row cost to make, so that a cell can be charged for banked rows
as if it had computed them itself. A damaged shard is removed and its rows are made again. Two processes that
want the same rows wait for each other (a lock file per shelf, released by the system if its holder dies).
"""

from __future__ import annotations

import fcntl
import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from bench.files import write_whole
from bench.meter import Meter, Usage

UNTIMED = {"device_seconds": None, "reserved_bytes": None}  # what shards of earlier versions don't tell
Build = Callable[[Sequence[int]], Tensor]  # positions within the asked ids -> rows


@dataclass(frozen=True)
class Shelf:
    """What the rows of a shelf are. Any difference in any field is another shelf."""

    backbone: str  # fingerprint; empty for pixels, which only depend on the preprocessing
    task: str
    task_version: str
    preprocessing: str
    tower: str  # "image" or "text"
    stage: int
    views: int = 0  # how many augmented views a row holds; 0: the plain image
    policy: str = ""  # of the augmentation
    precision: str = ""
    length: int = 0  # of token sequences

    @property
    def folder(self) -> str:
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:24]


@dataclass
class Account:
    """What one cell owes for banked rows; a row that is asked for twice is charged once."""

    usage: Usage = field(default_factory=Usage)  # stand-alone: as if everything had been computed for this cell
    spent: Usage = field(default_factory=Usage)  # what really had to be computed now
    _charged: dict[str, set[str]] = field(default_factory=dict)

    def charge(self, shelf: Shelf, ids: Sequence[str], costs: dict[str, Usage]) -> None:
        already = self._charged.setdefault(shelf.folder, set())
        for row in ids:
            if row not in already:
                already.add(row)
                self.usage.add(costs[row])


class Bank:
    """Rows on disk. `limit_bytes` bounds one shelf: past it rows are computed each time and not kept."""

    def __init__(self, root: Path, meter: Meter, limit_bytes: int = 8 * 2**30) -> None:
        self.root = root
        self.meter = meter
        self.limit_bytes = limit_bytes
        self._shelves: dict[str, _Rows] = {}

    def missing(self, shelf: Shelf, ids: Sequence[str]) -> list[str]:
        """The ids that `rows` would have to build, each once."""
        return self._held(shelf).missing(ids)

    def rows(self, shelf: Shelf, ids: Sequence[str], build: Build, account: Account, upstream: Usage | None = None) -> Tensor:
        """The rows [len(ids), ...] in the order asked for; `account` is charged for them.

        upstream: what the inputs of the missing rows cost; it becomes part of what these rows cost.
        Raises whatever `build` raises; rows made before that stay.
        """
        held = self._held(shelf)
        if held.missing(ids):
            with _locked(held.folder):
                held.refresh()
                missing = held.missing(ids)
                if missing:
                    self._build(shelf, held, ids, missing, build, account, upstream)
        account.charge(shelf, ids, held.costs)
        rows = held.gather(ids)
        held.drop_unkept()
        return rows

    def _held(self, shelf: Shelf) -> _Rows:
        held = self._shelves.get(shelf.folder)
        if held is None:
            held = self._shelves[shelf.folder] = _Rows(self.root / shelf.folder)
            held.refresh()
        return held

    def _build(
        self,
        shelf: Shelf,
        held: _Rows,
        ids: Sequence[str],
        missing: list[str],
        build: Build,
        account: Account,
        upstream: Usage | None,
    ) -> None:
        position = {row: number for number, row in enumerate(ids)}
        with self.meter.measure() as usage:
            rows = build([position[row] for row in missing]).cpu().contiguous()
        account.spent.add(usage)
        if upstream is not None:
            usage.add(upstream)
        held.add(missing, rows, usage, shelf, keep=held.bytes_on_disk + rows.nbytes <= self.limit_bytes)

    def forget_memory(self) -> None:
        """Drop what is held in memory; what is on disk stays."""
        self._shelves.clear()


class _Rows:
    """One shelf as this process sees it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.costs: dict[str, Usage] = {}
        self.bytes_on_disk = 0
        self._places: dict[str, tuple[Tensor, int]] = {}
        self._seen: set[str] = set()
        self._unkept: list[str] = []

    def missing(self, ids: Sequence[str]) -> list[str]:
        """Ids without rows, each once."""
        return [row for row in dict.fromkeys(ids) if row not in self._places]

    def gather(self, ids: Sequence[str]) -> Tensor:
        places = [self._places[row] for row in ids]
        first = places[0][0]
        if all(tensor is first for tensor, _ in places):
            return first[[number for _, number in places]]
        return torch.stack([tensor[number] for tensor, number in places])

    def refresh(self) -> None:
        """Read shards that other processes have put here since; remove damaged ones."""
        if not self.folder.is_dir():
            return
        for path in sorted(self.folder.glob("*.safetensors")):
            if path.name in self._seen:
                continue
            shard = _read_shard(path)
            if shard is None:
                path.unlink(missing_ok=True)
                continue
            self._seen.add(path.name)
            self.bytes_on_disk += path.stat().st_size
            self._register(*shard)

    def add(self, ids: list[str], rows: Tensor, usage: Usage, shelf: Shelf, keep: bool) -> None:
        if len(rows) != len(ids):
            raise ValueError(f"{len(ids)} rows were asked for and {len(rows)} were made")
        each = Usage()
        each.add(usage, 1 / len(ids))
        if keep:
            path = _write_shard(self.folder, ids, rows, each, shelf)
            self._seen.add(path.name)
            self.bytes_on_disk += path.stat().st_size
        else:
            self._unkept += ids
        self._register(ids, rows, each)

    def drop_unkept(self) -> None:
        """Forget the rows that were not put on disk, so that memory stays bounded."""
        for row in self._unkept:
            del self._places[row], self.costs[row]
        self._unkept.clear()

    def _register(self, ids: list[str], rows: Tensor, each: Usage) -> None:
        for number, row in enumerate(ids):
            self._places.setdefault(row, (rows, number))
            self.costs.setdefault(row, each)


def _write_shard(folder: Path, ids: list[str], rows: Tensor, each: Usage, shelf: Shelf) -> Path:
    body = save({"rows": rows}, {"ids": json.dumps(ids), "cost": json.dumps(asdict(each))})
    name = hashlib.sha256(body).hexdigest()
    path = folder / f"{name}.safetensors"
    if not (folder / "shelf.json").exists():
        (folder / "shelf.json").write_text(json.dumps(asdict(shelf), indent=1) + "\n")
    write_whole(path, body)
    return path


def _read_shard(path: Path) -> tuple[list[str], Tensor, Usage] | None:
    """None for a shard whose content isn't what its name says."""
    try:
        with path.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != path.stem:
                return None
        with safe_open(str(path), "pt") as shard:
            about: dict[str, Any] = shard.metadata()
            cost = UNTIMED | json.loads(about["cost"])
            return json.loads(about["ids"]), shard.get_tensor("rows"), Usage(**cost)
    except (OSError, SafetensorError, KeyError, ValueError, TypeError):
        return None


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
