"""Rows are built once, found again by anyone, and never trusted when damaged."""

from __future__ import annotations

import errno
import multiprocessing
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from bench.errors import StoreError
from bench.features.bank import Account, Bank, Shelf
from bench.meter import Meter, Usage

SHELF = Shelf(backbone="f", task="t", task_version="1", preprocessing="p", tower="image", stage=3)


def bank(root: Path, **options: int) -> Bank:
    return Bank(root, Meter("cpu"), **options)


class Builder:
    """Rows that tell which id they are of; remembers what was asked."""

    def __init__(self, ids: Sequence[str]) -> None:
        self.ids = ids
        self.built: list[str] = []

    def __call__(self, positions: Sequence[int]) -> torch.Tensor:
        self.built += [self.ids[position] for position in positions]
        return torch.tensor([[float(self.ids[position]), 0.5] for position in positions])


def ask(where: Bank, ids: Sequence[str], account: Account | None = None, shelf: Shelf = SHELF) -> list[str]:
    """Checks the rows and returns what had to be built."""
    builder = Builder(ids)
    rows = where.rows(shelf, ids, builder, account or Account())
    assert rows[:, 0].tolist() == [float(row) for row in ids]
    return builder.built


def test_only_missing_rows_are_built_each_once(tmp_path: Path) -> None:
    first = bank(tmp_path)
    assert ask(first, ["3", "1", "3"]) == ["3", "1"]
    assert ask(first, ["1", "2", "3"]) == ["2"]
    assert ask(bank(tmp_path), ["2", "1", "3"]) == []


def test_batches_are_filled_up_and_the_filling_is_not_charged(tmp_path: Path) -> None:
    ids, account = [str(number) for number in range(5)], Account()
    builder = Builder(ids)
    rows = bank(tmp_path).rows(SHELF, ids, builder, account, upstream=Usage(seconds=1000.0), batch=4)
    assert rows[:, 0].tolist() == [0, 1, 2, 3, 4]
    assert builder.built == [*ids, "0", "0", "0"]
    assert account.usage.seconds == pytest.approx(1000 + account.spent.seconds * 5 / 8)


@pytest.mark.parametrize("change", ["backbone", "task", "task_version", "preprocessing", "tower", "policy", "precision"])
def test_any_difference_is_another_shelf(tmp_path: Path, change: str) -> None:
    ask(bank(tmp_path), ["1"])
    other = Shelf(**{**{name: getattr(SHELF, name) for name in SHELF.__dataclass_fields__}, change: "other"})
    assert ask(bank(tmp_path), ["1"], shelf=other) == ["1"]


@pytest.mark.parametrize("damage", ["truncate", "flip", "empty", "foreign"])
def test_a_damaged_shard_is_found_and_made_again(tmp_path: Path, damage: str) -> None:
    ask(bank(tmp_path), ["1", "2"])
    (shard,) = tmp_path.rglob("*.safetensors")
    body = bytearray(shard.read_bytes())
    if damage == "flip":
        body[-1] ^= 1
    shard.write_bytes({"truncate": body[:-4], "flip": body, "empty": b"", "foreign": b"another program's"}[damage])
    here = bank(tmp_path)
    assert ask(here, ["1", "2"]) == ["1", "2"]
    assert [shard.name in note for note in here.told()] == [True]
    assert ask(bank(tmp_path), ["1", "2"]) == []


@pytest.mark.parametrize("change", ["backbone", "task_version", "stage"])
def test_an_entry_of_another_shelf_is_found_and_told(tmp_path: Path, change: str) -> None:
    """Somebody copied one bank's folder over another's: names and checksums are right, the rows are not."""
    other = Shelf(**{**{name: getattr(SHELF, name) for name in SHELF.__dataclass_fields__}, change: "9"})
    ask(bank(tmp_path), ["1", "2"], shelf=other)
    (shard,) = tmp_path.rglob("*.safetensors")
    (tmp_path / SHELF.folder).mkdir()
    shard.rename(tmp_path / SHELF.folder / shard.name)
    here = bank(tmp_path)
    assert ask(here, ["1", "2"]) == ["1", "2"]
    (note,) = here.told()
    assert shard.name in note and "another backbone" in note and "made again" in note
    assert here.told() == []


def test_banked_rows_are_charged_as_if_they_had_been_computed(tmp_path: Path) -> None:
    full, empty = Account(), Account()
    ask(bank(tmp_path), ["1", "2", "3", "4"], empty)
    second = bank(tmp_path)
    ask(second, ["1", "2", "3", "4"], full)
    ask(second, ["2", "3"], full)  # asked for again: charged once
    assert full.usage.seconds == pytest.approx(empty.usage.seconds)
    assert full.usage.cpu_seconds == pytest.approx(empty.usage.cpu_seconds)
    assert full.spent.seconds == 0 < empty.spent.seconds
    half = Account()
    ask(second, ["1", "4"], half)
    assert half.usage.seconds == pytest.approx(empty.usage.seconds / 2)


def test_past_its_limit_a_shelf_keeps_nothing_more(tmp_path: Path) -> None:
    small = bank(tmp_path, limit_bytes=0)
    assert ask(small, ["1"]) == ["1"]
    assert ask(small, ["1"]) == ["1"]
    assert list(tmp_path.rglob("*.safetensors")) == []


def test_a_failing_build_leaves_nothing_behind(tmp_path: Path) -> None:
    def fail(positions: Sequence[int]) -> torch.Tensor:
        raise OSError("unreadable")

    with pytest.raises(OSError, match="unreadable"):
        bank(tmp_path).rows(SHELF, ["1"], fail, Account())
    assert ask(bank(tmp_path), ["1"]) == ["1"]


def test_a_file_system_without_locks_is_named_with_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(file: object, how: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("bench.features.bank.fcntl.flock", refuse)
    with pytest.raises(StoreError) as refused:
        ask(bank(tmp_path), ["1"])
    for part in (str(tmp_path), "No locks available", "give --bank a folder on a local disk"):
        assert part in str(refused.value)


def _race(root: Path, barrier: multiprocessing.synchronize.Barrier, results: multiprocessing.Queue) -> None:  # type: ignore[type-arg]
    barrier.wait()
    results.put(len(ask(bank(root), [str(number) for number in range(50)])))


def test_two_processes_that_want_the_same_rows_build_them_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(2), context.Queue()
    racers = [context.Process(target=_race, args=(tmp_path, barrier, results)) for _ in range(2)]
    for racer in racers:
        racer.start()
    built = [results.get(timeout=120) for _ in racers]
    for racer in racers:
        racer.join()
    assert sorted(built) == [0, 50]
