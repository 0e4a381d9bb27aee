"""What was written stays and is found again, whatever happens to the disk or to the program."""

from __future__ import annotations

import errno
import os
import resource
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import permutations
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.errors import StoreError
from bench.store.record import SCHEMA, CellInfo, Failure, Record, to_json
from bench.store.store import Store, cell_key
from tests.factories import make_cell, make_record


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "out")
    store.prepare()
    return store


def write_shard(store: Store, *lines: bytes, name: str = "other", end: bytes = b"\n") -> Path:
    shard = store.records_folder / f"{name}.jsonl"
    shard.write_bytes(b"\n".join(lines) + end)
    return shard


def ids(store: Store) -> list[str]:
    return [record.record_id for record in store.read()]


def test_records_come_back_equal_and_in_order(store: Store) -> None:
    records = [make_record(str(number), make_cell(seed=number)) for number in range(5)]
    for record in records:
        store.append(record)
    assert list(Store(store.root).read()) == records
    assert len(list(store.records_folder.glob("*.jsonl"))) == 1


def test_a_folder_without_records_is_empty(tmp_path: Path) -> None:
    assert list(Store(tmp_path / "nowhere").read()) == []
    assert Store(tmp_path / "nowhere").latest() == {}


@pytest.mark.parametrize(
    "line",
    [to_json(make_record())[:-40], b'{"schema"', b"\0" * 300, b'{"event": "start"}', b"plain words", b'{"name": "caf\xe9"}'],
    ids=["torn", "half JSON", "zero bytes", "another program", "text", "latin-1"],
)
def test_a_line_that_is_no_record_is_passed_over_and_told(store: Store, line: bytes) -> None:
    shard = write_shard(store, to_json(make_record("before")), line, to_json(make_record("after")))
    assert ids(store) == ["before", "after"]
    assert len(store.problems) == 1
    assert store.problems[0].startswith(f"{shard}:2")
    assert ids(store) == ["before", "after"]
    assert len(store.problems) == 1


@given(st.integers(0, len(to_json(make_record("last"))) - 1))
def test_a_line_torn_anywhere_costs_only_itself(tmp_path_factory: pytest.TempPathFactory, length: int) -> None:
    store = Store(tmp_path_factory.mktemp("torn"))
    store.prepare()
    write_shard(store, to_json(make_record("first")), to_json(make_record("last"))[:length], end=b"")
    assert ids(store) == ["first"]
    assert len(store.problems) == (length > 0)


def test_empty_files_and_empty_lines_are_no_problem(store: Store) -> None:
    write_shard(store, end=b"")
    write_shard(store, b"", to_json(make_record()), b"  ", name="gaps")
    assert ids(store) == ["r1"]
    assert store.problems == []


def test_a_newer_schema_stops_the_reader(store: Store) -> None:
    write_shard(store, msgspec.json.encode({**msgspec.to_builtins(make_record()), "schema": SCHEMA + 1}))
    with pytest.raises(StoreError, match="update it"):
        list(store.read())


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_a_success_beats_a_later_failure_and_a_later_success_an_earlier(store: Store, order: tuple[int, ...]) -> None:
    attempts = [
        make_record("first", minute=1),
        make_record("again", minute=2),
        make_record("bad", minute=3, status="crashed", error=Failure(phase="fit", type="Killed", message="gone")),
    ]
    write_shard(store, *(to_json(attempts[number]) for number in order))
    assert [record.record_id for record in store.latest().values()] == ["again"]


def test_of_two_failures_the_later_counts(store: Store) -> None:
    write_shard(
        store, to_json(make_record("late", status="oom", minute=9)), to_json(make_record("early", status="failed", minute=1))
    )
    assert [record.record_id for record in store.latest().values()] == ["late"]


def test_a_record_that_is_there_twice_counts_once(store: Store) -> None:
    line = to_json(make_record())
    write_shard(store, line, line)
    assert list(store.latest().values()) == [make_record()]


def test_stores_merge_by_copying_files(tmp_path: Path) -> None:
    stores = [Store(tmp_path / name) for name in ("a", "b")]
    for seed, store in enumerate(stores):
        store.prepare()
        store.append(make_record(f"own-{seed}", make_cell(seed=seed)))
        store.append(make_record(f"shared-{seed}", make_cell(seed=9), minute=seed))
    for _ in range(2):  # a second time changes nothing
        shutil.copytree(stores[0].records_folder, stores[1].records_folder, dirs_exist_ok=True)
    assert sorted(record.record_id for record in stores[1].latest().values()) == ["own-0", "own-1", "shared-1"]
    assert len(ids(stores[1])) == 4


def test_a_cell_is_the_same_under_another_label_and_backbone_name() -> None:
    assert cell_key(make_cell(label="x", family="y", backbone="z")) == cell_key(make_cell())
    assert cell_key(make_cell(params={"a": 1, "b": 2})) == cell_key(make_cell(params={"b": 2, "a": 1}))


@pytest.mark.parametrize("name", sorted(set(CellInfo.__struct_fields__) - {"label", "family", "backbone", "sees"}))
def test_everything_else_of_a_cell_makes_another_cell(name: str) -> None:
    other = {"params": {"r": 4}, "kind": "pair", "shots": 5, "seed": 5, "protocol": "val", "recipe": "paper", "quick": True}
    assert cell_key(make_cell(**{name: other.get(name, "other")})) != cell_key(make_cell())


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """Writing beyond `size` bytes fails as on a full disk: with what fits already written."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def long_record(length: int) -> Record:
    return make_record("long", make_cell(seed=2), "failed", error=Failure(phase="fit", type="E", message="m" * length))


@pytest.mark.parametrize("length", [1_000, 3_000, 50_000])
def test_a_full_disk_leaves_no_half_line(store: Store, length: int) -> None:
    store.append(make_record("first"))
    (shard,) = store.records_folder.iterdir()
    before = shard.read_bytes()
    with files_of_at_most(len(before) + 600), pytest.raises(StoreError, match=r"lora on tiny not written.*same command again"):
        store.append(long_record(length))
    assert shard.read_bytes() == before
    store.append(long_record(length))
    assert ids(Store(store.root)) == ["first", "long"]


def test_a_record_that_was_not_synced_is_taken_back(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    store.append(make_record("first"))
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(StoreError, match="No space left on device"):
            store.append(make_record("second", make_cell(seed=2)))
    assert ids(store) == ["first"]
    assert store.problems == []
    store.append(make_record("second", make_cell(seed=2)))
    assert ids(store) == ["first", "second"]


def test_a_place_that_cannot_be_written_is_told_beforehand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="choose another --out"):
        Store(tmp_path / "file").prepare()

    def read_only(path: Path, data: bytes) -> int:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(Path, "write_bytes", read_only)
    with pytest.raises(StoreError, match=r"Read-only file system.*choose another --out"):
        Store(tmp_path / "out").prepare()


def test_preparing_leaves_nothing_but_the_folders(store: Store) -> None:
    store.prepare()
    assert sorted(path.name for path in store.root.iterdir()) == ["artifacts", "records"]
