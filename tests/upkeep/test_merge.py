"""Nothing is overwritten, nothing comes twice, and what is not whole stays out."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from bench import api
from bench.store.record import SCHEMA, to_json
from bench.store.store import Store
from bench.upkeep.merge import merge, several_data
from tests.factories import make_cell, make_record
from tests.stores import bench, make_store, predicted, scored


def ids(out: Path) -> list[str]:
    return sorted(record.record_id for record in Store(out).read())


def contents(out: Path) -> dict[str, bytes]:
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}


@pytest.fixture
def a(tmp_path: Path) -> Path:
    return make_store(tmp_path / "a", predicted(tmp_path / "a", "a1"), predicted(tmp_path / "a", "a2", seed=2))


@pytest.fixture
def b(tmp_path: Path) -> Path:
    return make_store(tmp_path / "b", predicted(tmp_path / "b", "b1", seed=3), *Store(tmp_path / "a").read())


def test_records_and_artifacts_come_together(a: Path, b: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    before = contents(a), contents(b)
    result = bench("merge", out, a, b)
    assert result.exit_code == 0, result.output
    assert ids(out) == ["a1", "a2", "b1"]
    assert sorted(path.name for path in (out / "artifacts").iterdir()) == ["a1.npz", "a2.npz", "b1.npz"]
    for name in ("a1", "b1"):
        assert (out / f"artifacts/{name}.npz").read_bytes() == (tmp_path / name[0] / f"artifacts/{name}.npz").read_bytes()
    assert f"{a}: 2 records and 2 files copied" in result.output
    assert f"{b}: 1 records and 1 files copied" in result.output
    assert (contents(a), contents(b)) == before
    assert not list(out.rglob("*.part"))


def test_shards_of_the_same_name_do_not_overwrite_each_other(a: Path, tmp_path: Path) -> None:
    out = make_store(tmp_path / "out", scored(0.5, "own"))
    before = contents(out)
    merge(out, [a])
    assert ids(out) == ["a1", "a2", "own"]
    assert before.items() <= contents(out).items()


def test_a_second_time_changes_nothing(a: Path, b: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    merge(out, [a, b])
    before = contents(out)
    found = merge(out, [b, a, a])
    assert contents(out) == before
    assert sum(copied.records + copied.artifacts for copied in found) == 0
    assert [copied.known for copied in found] == [3, 2, 2]


def test_lines_are_copied_as_they_are(tmp_path: Path) -> None:
    """What an older or a plugged-in program wrote beside the known fields is not lost."""
    line = msgspec.json.encode({**msgspec.to_builtins(scored(0.5)), "note": "kept"})
    a = make_store(tmp_path / "a")
    (a / "records" / "first.jsonl").write_bytes(line + b"\n")
    merge(tmp_path / "out", [a])
    assert (tmp_path / "out" / "records" / "first.jsonl").read_bytes() == line + b"\n"


def test_a_torn_last_line_is_told_and_kept_out(a: Path, tmp_path: Path) -> None:
    shard = a / "records" / "first.jsonl"
    with shard.open("ab") as file:
        file.write(to_json(make_record("torn"))[:50])
    result = bench("merge", tmp_path / "out", a)
    assert result.exit_code == 0
    assert f"kept out: {shard}:3" in result.output
    store = Store(tmp_path / "out")
    assert ids(store.root) == ["a1", "a2"]
    assert list(store.read()) and store.problems == []


def test_a_whole_last_line_without_its_line_break_is_a_record(a: Path, tmp_path: Path) -> None:
    with (a / "records" / "first.jsonl").open("ab") as file:
        file.write(to_json(make_record("last")))
    merge(tmp_path / "out", [a])
    assert ids(tmp_path / "out") == ["a1", "a2", "last"]


def test_missing_artifacts_are_counted_and_come_later(a: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    moved = (a / "artifacts" / "a1.npz").rename(tmp_path / "a1.npz")
    result = bench("merge", out, a)
    assert "2 records and 1 files copied, 1 files that records name are not in the source" in result.output
    moved.rename(a / "artifacts" / "a1.npz")
    (copied,) = merge(out, [a])
    assert (copied.records, copied.artifacts) == (0, 1) and (out / "artifacts" / "a1.npz").is_file()


@pytest.mark.parametrize("name", ["../secret.txt", "artifacts/../../secret.txt", "{tmp}/secret.txt"])
def test_a_record_cannot_reach_outside_of_its_folder(name: str, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    name = name.format(tmp=tmp_path)
    a = make_store(tmp_path / "deep" / "a", scored(0.5, changes={"artifacts": {"predictions": name}}))
    (tmp_path / "deep" / "secret.txt").write_text("secret")
    (copied,) = merge(tmp_path / "other" / "out", [a])
    assert (copied.records, copied.artifacts, copied.missing_artifacts) == (1, 0, 1)
    assert not list((tmp_path / "other").rglob("secret*"))


def refused(out: Path, *sources: Path) -> str:
    """The one line that is said; nothing is written."""
    before = contents(out)
    result = bench("merge", out, *sources)
    assert result.exit_code == 2 and len(result.output.strip().splitlines()) == 1, result.output
    assert contents(out) == before
    return result.output


def test_a_source_without_records_is_refused_before_anything_is_written(a: Path, tmp_path: Path) -> None:
    assert "nowhere: no records here" in refused(tmp_path / "out", a, tmp_path / "nowhere")
    assert "first.jsonl: no records here" in refused(tmp_path / "out", a / "records" / "first.jsonl")
    assert not (tmp_path / "out").exists()


def test_a_source_that_can_not_be_read_is_refused(a: Path, b: Path, tmp_path: Path) -> None:
    (b / "records" / "other.jsonl").mkdir()
    assert "other.jsonl: can't read" in refused(tmp_path / "out", a, b)


def test_a_source_of_a_newer_program_is_refused(a: Path, tmp_path: Path) -> None:
    b = make_store(tmp_path / "b", make_record(schema=SCHEMA + 1))
    assert "update it" in refused(tmp_path / "out", a, b)


def test_the_target_is_no_source(a: Path) -> None:
    assert "is the folder to merge into" in refused(a, a)


def test_two_records_of_one_id_are_refused(a: Path, tmp_path: Path) -> None:
    b = make_store(tmp_path / "b", scored(0.9, "a1"))
    assert "record a1 differs" in refused(a, b)
    assert "record a1 differs" in refused(tmp_path / "out", a, b)


def test_two_files_of_one_name_are_refused(a: Path, tmp_path: Path) -> None:
    b = make_store(tmp_path / "b", *Store(a).read())
    (b / "artifacts").mkdir()
    (b / "artifacts" / "a1.npz").write_bytes(b"other")
    assert "a1.npz: differs from" in refused(a, b)
    assert "a1.npz: differs from" in refused(tmp_path / "out", a, b)


def test_the_verbs_are_functions_too(a: Path, b: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert [copied.records for copied in api.merge(out, [a, b])] == [2, 1]
    assert api.rescore(out).agree == 3
    assert api.status(out).total.ok == 3
    assert api.clean(out).size == 0
    found = api.compare(a, out, ["accuracy:-0", "accuracy:+0"])
    assert not found.failed and found.rows[0].changes["score"].pairs == 2


def test_different_data_of_one_name_are_told(tmp_path: Path) -> None:
    for name, version in (("a", "1"), ("b", "2")):
        cell = make_cell(task="photos", task_version=version)
        make_store(tmp_path / name, make_record(name, cell))
    told = bench("merge", str(tmp_path / "all"), str(tmp_path / "a"), str(tmp_path / "b"))
    assert told.exit_code == 0 and "photos: records of 2 different data of that name" in told.output
    assert several_data(tmp_path / "a") == {}
