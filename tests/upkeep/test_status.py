"""What a store holds, said."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.plan.registry import find_methods
from bench.plugins.code import method_code
from bench.store.record import SCHEMA, CellInfo
from bench.upkeep.status import Tally, status
from tests.factories import make_record
from tests.stores import bench, failed, make_store, scored


def code(cell: CellInfo) -> str | None:
    return {"lora": "c0de"}.get(cell.method)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return make_store(
        tmp_path,
        *(scored(0.5, f"ok{seed}", seed=seed, minute=seed) for seed in (1, 2)),
        *(failed(f"bad{seed}", seed=seed, task="digits") for seed in (1, 2)),
        failed("other", task="digits", seed=3, status="timeout", message="too\nlong\x1b[31m", minute=40),
        make_record("na", scored(0.5, task="pairs").cell, "not_applicable"),
    )


def test_cells_by_method_and_task(out: Path) -> None:
    found = status(out, code)
    assert found.places == {
        ("lora", "tiny"): Tally(ok=2),
        ("lora", "digits"): Tally(failed=3),
        ("lora", "pairs"): Tally(not_applicable=1),
    }
    assert found.total == Tally(ok=2, failed=3, not_applicable=1)
    assert [(group.status, len(group.cells)) for group in found.failures] == [("oom", 2), ("timeout", 1)]
    assert (found.records, found.overtaken, found.problems, found.unknown) == (6, 0, [], {})
    assert found.last == "2026-01-01T00:40:00Z"


def test_the_verb(out: Path) -> None:
    result = bench("status", out)
    assert result.exit_code == 0, result.output
    assert "2 cells ok, 3 failed, 1 not applicable; last record 2026-01-01T00:40:00Z" in result.output
    assert "2 x oom while in fit: OutOfMemoryError: no memory; lora on digits (2)" in result.output
    assert "1 x timeout while in fit: OutOfMemoryError: too long [31m; lora on digits (1)" in result.output
    assert "\x1b" not in result.output
    assert (
        "* the code of the method has changed since for 6 cells" in result.output and "2 ok*" in result.output
    )  # no method hashes to c0de


def test_failed_cells_fail_when_asked_to(out: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    assert bench("status", out, "--fail").exit_code == 1
    assert bench("status", make_store(tmp_path_factory.mktemp("fine"), scored(0.5)), "--fail").exit_code == 0


def test_overtaken_records_count_no_more(tmp_path: Path) -> None:
    make_store(
        tmp_path,
        failed("first", minute=1),
        scored(0.5, "again", minute=2),
        scored(0.5, "edited", minute=3, method_code="new"),
        scored(0.5, "edited", minute=3, method_code="new"),
    )
    found = status(tmp_path, lambda cell: "new")
    assert found.places == {("lora", "tiny"): Tally(ok=1)}
    assert (found.records, found.overtaken) == (3, 2)


def test_code_that_is_not_the_present_one_is_counted(tmp_path: Path) -> None:
    make_store(
        tmp_path, scored(0.5, "a", method_code="old"), scored(0.5, "b", seed=2), scored(0.5, "c", method="mine", label="mine")
    )
    found = status(tmp_path, code)
    assert found.places == {("lora", "tiny"): Tally(ok=2, older=1), ("mine", "tiny"): Tally(ok=1)}
    assert found.unknown == {"mine": 1}


def test_the_present_code_is_that_of_the_registry(tmp_path: Path) -> None:
    code = method_code(find_methods().methods["lora"])
    make_store(tmp_path, scored(0.5, method_code=code), scored(0.5, "plugged", method="mine", label="mine"))
    result = bench("status", tmp_path)
    assert "has changed since" not in result.output and "1 ok*" not in result.output
    assert "mine (1); --plugin FILE" in result.output


def test_lines_that_can_not_be_read_are_told(out: Path) -> None:
    make_store(out, make_record("new", schema=SCHEMA + 1), name="newer")
    (out / "records" / "torn.jsonl").write_bytes(b'{"schema": 1')
    result = bench("status", out)
    assert result.exit_code == 0
    assert f"can't be read: {out / 'records' / 'newer.jsonl'}:1" in result.output
    assert f"can't be read: {out / 'records' / 'torn.jsonl'}:1" in result.output
    assert "2 cells ok" in result.output


def test_a_folder_without_records(tmp_path: Path) -> None:
    result = bench("status", tmp_path)
    assert result.exit_code == 2 and "no records here" in result.output
