"""The bank: what frozen stages give, kept on disk, keyed by content.

A *shelf* holds rows of one kind: "activations entering stage 3 of this backbone's image tower, plain image, of
this version of that task". Rows are found by id; those that are missing are computed and put on the shelf as a
new piece. Nested supports, seeds and methods therefore share whatever they have in common.

    ROOT/<shelf hash>/shelf.json            what the shelf holds, for people
    ROOT/<shelf hash>/<piece hash>.safetensors

A piece carries its own checksum, the shelf it belongs to and what each row cost to make, so that a cell can be
charged for banked rows as if it had computed them itself. A piece that is damaged, or of another shelf, is removed,
its rows are made again, and `notes` says so. Two processes that want the same rows wait for each other (a lock file
per shelf, released by the system if its holder dies).
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

from bench.errors import StoreError
from bench.meter import Meter, Usage
from bench.writing import write_whole

UNTIMED = {"device_seconds": None, "reserved_bytes": None}  # what pieces of earlier versions don't tell
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
    """Rows on disk, and in memory once asked for.

    limit_bytes: of one shelf; past it rows are made each time, not kept.
    check_backbone: raises if the weights aren't those of the fingerprint any more. It is called after rows have been
    encoded and before anybody, another process included, can get them: rows that were kept first and removed later
    would be read meanwhile, and stay if this process dies in between.
    """

    def __init__(
        self, root: Path, meter: Meter, limit_bytes: int = 2 * 2**30, check_backbone: Callable[[], None] = lambda: None
    ) -> None:
        self.root = root
        self.meter = meter
        self._check_backbone = check_backbone
        self.limit_bytes = limit_bytes
        self.notes: list[str] = []  # what was found damaged
        self._shelves: dict[str, _Rows] = {}

    def missing(self, shelf: Shelf, ids: Sequence[str]) -> list[str]:
        """The ids that `rows` would have to build, each once."""
        return self._held(shelf).missing(ids)

    def rows(
        self, shelf: Shelf, ids: Sequence[str], build: Build, account: Account, upstream: Usage | None = None, batch: int = 1
    ) -> Tensor:
        """The rows [len(ids), ...] in the order asked for; `account` is charged for them.

        batch: `build` is asked for a multiple of so many rows, so that it can work in batches of one shape and a row
        never depends on which others were missing; what fills up the last batch is thrown away, and not charged.
        upstream: what the inputs of the missing rows cost; it becomes part of what these rows cost.
        Raises whatever `build` or the check of the backbone raises; rows made before that stay. Raises StoreError if the
        bank can't be written.
        """
        held = self._held(shelf)
        if held.missing(ids):
            with _locked(held.folder):
                held.refresh()
                missing = held.missing(ids)
                if missing:
                    self._build(shelf, held, ids, missing, build, account, upstream, batch)
        account.charge(shelf, ids, held.costs)
        rows = held.gather(ids)
        held.drop_unkept()
        return rows

    def _held(self, shelf: Shelf) -> _Rows:
        held = self._shelves.get(shelf.folder)
        if held is None:
            held = self._shelves[shelf.folder] = _Rows(self.root / shelf.folder, self.notes)
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
        batch: int,
    ) -> None:
        position = {row: number for number, row in enumerate(ids)}
        wanted = [position[row] for row in missing]
        filling = -len(wanted) % batch
        with self.meter.measure() as usage:
            rows = build(wanted + wanted[:1] * filling).cpu()[: len(wanted)].contiguous()
        if shelf.backbone:
            self._check_backbone()
        account.spent.add(usage)
        cost = Usage()
        cost.add(usage, len(wanted) / (len(wanted) + filling))
        if upstream is not None:
            cost.add(upstream)
        held.add(missing, rows, cost, shelf, keep=held.bytes_on_disk + rows.nbytes <= self.limit_bytes)

    def told(self) -> list[str]:
        """The notes since this was asked for last."""
        notes = list(self.notes)
        self.notes.clear()
        return notes

    def forget_memory(self) -> None:
        """Drop what is held in memory; what is on disk stays."""
        self._shelves.clear()


class _Rows:
    """One shelf as this process sees it."""

    def __init__(self, folder: Path, notes: list[str]) -> None:
        self.folder = folder
        self.notes = notes
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
        """Read pieces that other processes have put here since; remove damaged ones."""
        if not self.folder.is_dir():
            return
        for path in sorted(self.folder.glob("*.safetensors")):
            if path.name in self._seen:
                continue
            try:
                piece = _read_piece(path)
            except FileNotFoundError:  # another process found it damaged
                continue
            except _Damaged as reason:
                self.notes.append(f"{path}: {reason}: removed, its rows are made again")
                path.unlink(missing_ok=True)
                continue
            self._seen.add(path.name)
            self.bytes_on_disk += piece.size
            self._register(piece.ids, piece.rows, piece.cost)

    def add(self, ids: list[str], rows: Tensor, usage: Usage, shelf: Shelf, keep: bool) -> None:
        if len(rows) != len(ids):
            raise ValueError(f"{len(ids)} rows were asked for and {len(rows)} were made")
        each = Usage()
        each.add(usage, 1 / len(ids))
        if keep:
            path = _write_piece(self.folder, ids, rows, each, shelf)
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


def _write_piece(folder: Path, ids: list[str], rows: Tensor, each: Usage, shelf: Shelf) -> Path:
    about = {"shelf": shelf.folder, "ids": json.dumps(ids), "cost": json.dumps(asdict(each))}
    body = save({"rows": rows}, about)
    path = folder / f"{hashlib.sha256(body).hexdigest()}.safetensors"
    try:
        if not (folder / "shelf.json").exists():
            write_whole(folder / "shelf.json", (json.dumps(asdict(shelf), indent=1) + "\n").encode())
        write_whole(path, body)
    except OSError as error:
        raise _unwritable(folder, error) from error
    return path


class _Damaged(Exception):
    """A piece whose rows can't be trusted, and why."""


@dataclass(frozen=True)
class _Piece:
    ids: list[str]
    rows: Tensor
    cost: Usage
    size: int  # bytes on disk


def _read_piece(path: Path) -> _Piece:
    """Raises _Damaged for a file whose content isn't what its name and folder say, FileNotFoundError for one that is gone."""
    try:
        with path.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != path.stem:
                raise _Damaged("its content is not what was written")
        with safe_open(str(path), "pt") as piece:
            about: dict[str, Any] = piece.metadata() or {}
            if about.get("shelf") != path.parent.name:
                raise _Damaged("it doesn't belong here, but to another backbone, task or stage, or to an earlier version")
            ids, rows = json.loads(about["ids"]), piece.get_tensor("rows")
            if len(ids) != len(rows):
                raise _Damaged(f"it holds {len(rows)} rows of {len(ids)} ids")
            return _Piece(ids, rows, Usage(**UNTIMED | json.loads(about["cost"])), path.stat().st_size)
    except FileNotFoundError:
        raise
    except (OSError, SafetensorError, KeyError, ValueError, TypeError) as error:
        raise _Damaged(f"it can't be read ({error})") from error


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / ".lock").open("w")
    except OSError as error:
        raise _unwritable(folder, error) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
        except OSError as error:
            raise StoreError(
                f"{folder}: can't lock banked rows here ({error.strerror}): give --bank a folder on a local disk"
            ) from error
        yield


def _unwritable(folder: Path, error: OSError) -> StoreError:
    return StoreError(f"{folder}: can't keep banked rows here ({error.strerror}): free space, or choose another --bank")
