"""Whatever a crash, a bad disk or a careless copy leaves in a results folder is recognised, told and made good."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec
import pytest

from bench.store.record import SCHEMA, to_json
from bench.store.store import Store
from tests.factories import make_record
from tests.faults.driver import run
from tests.faults.tiny import CELLS, check_same, grid, predictions

FOREIGN = [b'{"schema"', b"\0" * 300, b'{"event": "start"}', b"plain \x1b[31mwords", b'{"name": "caf\xe9"}', b"[" * 100_000]


@pytest.fixture
def out(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "out"))


def test_a_store_with_every_damage_goes_on(out: Path, finished: Path, photos: Path, tmp_path: Path) -> None:
    (shard,) = (out / "records").iterdir()
    lines = shard.read_bytes().splitlines()
    shard.write_bytes(b"\n".join([*lines[:-1], *FOREIGN, lines[0], lines[-1][: len(lines[-1]) // 2]]))
    (out / "records" / "empty.jsonl").touch()
    code, text = run(*grid(photos, out), said=tmp_path / "said")
    assert code == 0, text
    assert text.startswith(f"1 cells to run with 2 workers on cpu, fp32, {CELLS - 1} already in")
    assert text.count("passed over: ") == len(FOREIGN) + 1
    assert "\x1b[31m" not in text
    check_same(predictions(out), predictions(finished))
    assert len((out / "cells.csv").read_text().splitlines()) == 1 + CELLS


def test_a_store_of_a_newer_program_is_left_alone(out: Path, photos: Path, tmp_path: Path) -> None:
    newer = msgspec.json.encode({**msgspec.to_builtins(make_record()), "schema": SCHEMA + 1})
    (out / "records" / "newer.jsonl").write_bytes(newer + b"\n" + to_json(make_record()) + b"\n")
    before = sorted(path for path in out.rglob("*") if "bank" not in path.parts)
    code, text = run(*grid(photos, out), said=tmp_path / "said")
    assert code == 2 and text.startswith("error: ") and "update it" in text, text
    assert sorted(path for path in out.rglob("*") if "bank" not in path.parts) == before


@pytest.mark.parametrize("damage", ["truncated", "flipped", "swapped"])
def test_a_damaged_bank_is_made_again_and_told(out: Path, finished: Path, photos: Path, tmp_path: Path, damage: str) -> None:
    entries = sorted((out / "bank").rglob("*.safetensors"))
    assert len({entry.parent for entry in entries}) > 1
    if damage == "swapped":  # each entry into the folder of another stage
        folders = sorted({entry.parent for entry in entries})
        for entry in entries:
            entry.rename(folders[folders.index(entry.parent) - 1] / entry.name)
    else:
        for entry in entries:
            body = bytearray(entry.read_bytes())
            body[len(body) // 2] ^= 64
            entry.write_bytes(body if damage == "flipped" else body[: len(body) // 2])
    code, text = run(*grid(photos, out), "--resume", "always", said=tmp_path / "said")
    assert code == 0, text
    notes = [note for record in Store(out).read() for note in record.notes]
    assert notes and all("removed, its rows are made again" in note for note in notes)
    assert "removed, its rows are made again" in " ".join(text.split())
    check_same(predictions(out), predictions(finished))
