"""What nothing needs can go; what a record that counts needs stays, and so does every record."""

from __future__ import annotations

import os
import time
from pathlib import Path

import msgspec
import pytest

from bench.store.record import SCHEMA, to_json
from bench.store.store import Store
from bench.upkeep.clean import clean
from tests.factories import make_record
from tests.stores import bench, make_store, predicted, scored


def aged(path: Path, seconds: float = 7200) -> Path:
    os.utime(path, (time.time() - seconds,) * 2)
    return path


def add(path: Path, size: int = 100) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)
    return aged(path)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Two records of one cell, with predictions; only the second counts."""
    old = msgspec.structs.replace(predicted(tmp_path, "old"), provenance=scored(0.5, minute=1).provenance)
    new = msgspec.structs.replace(predicted(tmp_path, "new"), provenance=scored(0.5, minute=2).provenance)
    for name in ("old", "new"):
        aged(tmp_path / "artifacts" / f"{name}.npz")
    return make_store(tmp_path, old, new)


def files(out: Path) -> set[str]:
    return {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()}


def test_only_what_nothing_needs_goes_and_only_when_told(out: Path) -> None:
    kept = files(out) - {"artifacts/old.npz"}
    add(out / "bank" / "shelf" / "rows.safetensors", 1000)
    add(out / "bank" / "shelf" / ".lock", 0)
    add(out / "artifacts" / "orphan.safetensors")
    add(out / "records" / ".0123.part")
    add(out / ".probe-0123")
    size = (out / "artifacts" / "old.npz").stat().st_size
    before = files(out)
    result = bench("clean", out)
    assert result.exit_code == 0
    assert result.output.splitlines() == [
        "bank: 2 files, 1,000 bytes",
        f"artifacts: 2 files, {100 + size:,} bytes",
        "unfinished files: 2 files, 200 bytes",
        f"{1300 + size:,} bytes could go; --yes removes them",
    ]
    assert files(out) == before
    result = bench("clean", out, "--yes")
    assert result.exit_code == 0 and f"removed {1300 + size:,} bytes" in result.output
    assert files(out) == kept
    assert not (out / "bank").exists()
    assert bench("clean", out).output == "nothing to remove\n"


def test_records_stay_as_they_are(out: Path) -> None:
    shard = out / "records" / "first.jsonl"
    before = shard.read_bytes()
    clean(out, remove=True)
    assert shard.read_bytes() == before
    assert len(list(Store(out).read())) == 2


def test_a_file_that_a_run_may_be_about_to_record_stays(out: Path) -> None:
    young = aged(add(out / "artifacts" / "running.npz"), 60)
    result = bench("clean", out, "--yes")
    assert "1 further files are less than an hour old" in result.output
    assert young.exists()


def test_what_a_damaged_line_may_have_named_stays(out: Path) -> None:
    named = add(out / "artifacts" / "torn1.npz")
    other = add(out / "artifacts" / "torn2.npz")
    (out / "records" / "second.jsonl").write_bytes(to_json(make_record("torn1"))[:60])
    clean(out, remove=True)
    assert named.exists() and not other.exists()


def test_what_a_corrected_record_shares_with_the_one_it_corrects_stays(tmp_path: Path) -> None:
    record = predicted(tmp_path, "r1")
    aged(tmp_path / "artifacts" / "r1.npz")
    make_store(tmp_path, record, msgspec.structs.replace(record, record_id="r2", corrects="r1"))
    assert clean(tmp_path).size == 0


def test_a_bank_elsewhere_that_a_link_leads_to_stays(out: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("bank")
    rows = add(elsewhere / "rows.safetensors")
    (out / "bank").symlink_to(elsewhere, target_is_directory=True)
    clean(out, remove=True)
    assert rows.exists()


def test_what_is_no_results_folder_is_left_alone(tmp_path: Path) -> None:
    rows = add(tmp_path / "bank" / "rows")
    result = bench("clean", tmp_path, "--yes")
    assert result.exit_code == 2 and "no records here" in result.output
    assert rows.exists()


def test_records_of_a_newer_program_stop_it(out: Path) -> None:
    orphan = add(out / "artifacts" / "orphan.npz")
    make_store(out, make_record(schema=SCHEMA + 1), name="newer")
    result = bench("clean", out, "--yes")
    assert result.exit_code == 2 and "update it" in result.output
    assert orphan.exists()
