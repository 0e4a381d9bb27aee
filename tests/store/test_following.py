"""Following a store gives every complete new record once."""

from __future__ import annotations

from pathlib import Path

from bench.store.following import Follower
from bench.store.record import to_json
from bench.store.store import Store
from tests.factories import make_record
from tests.stores import make_store


def test_each_new_record_is_given_once_whichever_shard_it_is_in(tmp_path: Path) -> None:
    store = Store(make_store(tmp_path, make_record("old")))
    follower = Follower(store)
    assert follower.new() == []
    store.append(make_record("new"))
    with (store.records_folder / "first.jsonl").open("ab") as file:
        file.write(to_json(make_record("appended")) + b"\n")
    assert {record.record_id for record in follower.new()} == {"new", "appended"}
    assert follower.new() == []


def test_a_line_counts_once_it_is_complete_and_what_is_no_record_is_left_out(tmp_path: Path) -> None:
    store = Store(make_store(tmp_path))
    follower = Follower(store)
    line = to_json(make_record("slow")) + b"\n"
    with (store.records_folder / "other.jsonl").open("ab", buffering=0) as file:
        file.write(b"nonsense\n" + line[:50])
        assert follower.new() == []
        file.write(line[50:])
    assert [record.record_id for record in follower.new()] == ["slow"]


def test_a_record_that_is_half_written_when_the_follower_is_made_is_given(tmp_path: Path) -> None:
    store = Store(make_store(tmp_path, make_record("old")))
    line = to_json(make_record("slow")) + b"\n"
    with (store.records_folder / "first.jsonl").open("ab", buffering=0) as file:
        file.write(line[:50])
        follower = Follower(store)
        assert follower.new() == []
        file.write(line[50:])
    assert [record.record_id for record in follower.new()] == ["slow"]
    assert [record.record_id for record in Follower(store, follower.positions).new()] == ["slow"]


def test_another_process_can_begin_where_this_one_began(tmp_path: Path) -> None:
    store = Store(make_store(tmp_path, make_record("old")))
    first = Follower(store)
    store.append(make_record("new"))
    first.new()
    assert [record.record_id for record in Follower(store, first.positions).new()] == ["new"]


def test_an_empty_folder_can_be_followed(tmp_path: Path) -> None:
    store = Store(tmp_path / "out")
    follower = Follower(store)
    store.prepare()
    store.append(make_record("new"))
    assert len(follower.new()) == 1
