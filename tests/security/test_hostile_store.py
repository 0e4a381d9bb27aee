"""Records that others wrote: whatever they say, nothing outside of the results folder is read, changed or removed."""

from __future__ import annotations

import csv
import hashlib
import io
import os
import pickle
import shutil
import zipfile
from pathlib import Path

import msgspec
import numpy as np
import pytest

from bench import api
from bench.errors import BenchError
from bench.store.record import Record
from bench.store.store import artifact_path
from tests.report.factory import failed_record, make_record
from tests.stores import bench, make_store, predicted

NAMES = [
    *("../secret", "../../secret", "artifacts/../../secret", "artifacts/../records/first.jsonl", "/etc/passwd", "~/secret"),
    *("artifacts/link/secret", "artifacts/loop", "artifacts/a\0b", "x" * 5000, "", ".", "leaderboard.md", "bank"),
]
WORDS = [
    *("../../../tmp/x", "/etc/passwd", "..\\..\\x", "a\0b", "\x1b[2J\x1b[31mred\x07", "\u202eesrever", "[red]markup[/red]"),
    *("=HYPERLINK(1)", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "<script>alert(1)</script>", "\\input{/etc/passwd}", "a|b\n# c"),
]
CONTROL = {chr(code) for code in (*range(9), *range(11, 32), 127, *range(128, 160), 0x202E)} - {"\r"}


def footprint(folder: Path, without: Path) -> dict[str, str]:
    """Every file beside one folder, with its content."""
    files = [path for path in sorted(folder.rglob("*")) if not path.is_relative_to(without)]
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "" for path in files}


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """A results folder whose records do their worst, and a secret beside it."""
    out = tmp_path / "deep" / "out"
    (out / "artifacts").mkdir(parents=True)
    for place in (tmp_path, tmp_path / "deep"):
        np.savez(place / "secret", scores=np.eye(2), labels=np.zeros(2, np.int64))
        (place / "secret").write_bytes((place / "secret.npz").read_bytes())
    (out / "artifacts" / "link").symlink_to(tmp_path / "deep")
    (out / "artifacts" / "loop").symlink_to("loop")
    records = [
        make_record(seed=seed, record_id=f"../r{seed}", artifacts={"predictions": name, "weights": name, "../../more": name})
        for seed, name in enumerate(NAMES)
    ]
    for seed, word in enumerate(WORDS):
        changed = {"backbone": word, "precision": word, "fingerprint": word}
        records.append(
            make_record(word, word, seed=seed, label=word, family=word, params={word: word}, record_id=word, **changed)
        )
        records.append(failed_record(message=word, phase=word, method="other", task=word, seed=seed, record_id=f"f{word}"))
    return make_store(out, *records)


def test_every_verb_stays_inside_and_shows_no_control_character(out: Path, tmp_path: Path) -> None:
    before = footprint(tmp_path, out)
    for old in out.rglob("*"):
        if old.is_file():
            os.utime(old, (0, 0))
    for verb in (
        ("report", "--out", out), ("status", out), ("rescore", out, "--write"), ("compare", out, out),
        ("compare", out, out, "--json"), ("clean", out), ("clean", out, "--yes"), ("report", "--out", out, "--sort", "\x1b[31m"),
    ):  # fmt: skip
        result = bench(*verb)
        assert result.exit_code in (0, 1, 2), (verb, result.output)
        assert result.exception is None or isinstance(result.exception, SystemExit), verb
        assert not CONTROL & set(result.output), verb
        assert footprint(tmp_path, out) == before, verb
    for name in ("leaderboard.md", "leaderboard.tex", "index.html"):
        assert not CONTROL & set((out / name).read_text(encoding="utf-8")), name
    assert "<script>alert" not in (out / "index.html").read_text() + (out / "leaderboard.md").read_text()
    assert "\\input{" not in (out / "leaderboard.tex").read_text()
    for name in ("cells.csv", "leaderboard.csv"):
        with io.StringIO((out / name).read_text(encoding="utf-8"), newline="") as file:
            values = {
                row[key] for row in csv.DictReader(file) for key in row if key in ("label", "task", "backbone", "error_message")
            }
        assert values and not [value for value in values if value.startswith(("=", "+", "-", "@", "\t", "\r"))]


def test_what_is_outside_is_not_scored(out: Path) -> None:
    result = bench("rescore", out)
    assert result.exit_code == 1
    assert "0 records agree" in result.output
    assert "not in artifacts/" in result.output


def test_merging_brings_nothing_from_outside(out: Path, tmp_path: Path) -> None:
    before = footprint(tmp_path, out)
    result = bench("merge", tmp_path / "all", out)
    assert result.exit_code == 0, result.output
    assert not [path for path in (tmp_path / "all" / "artifacts").rglob("*") if path.is_file()]
    shutil.rmtree(tmp_path / "all")
    assert footprint(tmp_path, out) == before


@pytest.mark.parametrize("name", NAMES)
def test_weights_are_not_loaded_from_outside(out: Path, name: str) -> None:
    with pytest.raises(BenchError):
        api.load(make_record(artifacts={"weights": name}), out)


@pytest.mark.parametrize("name", NAMES)
def test_only_what_is_in_the_folder_of_artifacts_has_a_path(out: Path, name: str) -> None:
    assert artifact_path(out, name) is None
    assert artifact_path(out, "artifacts/r1.npz") == out / "artifacts" / "r1.npz"


class Attack:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (self.mark,)


def test_pickled_predictions_do_not_run(tmp_path: Path) -> None:
    out, mark = tmp_path / "out", tmp_path / "it ran"
    records: list[Record] = []
    for number in range(3):
        record = predicted(out, f"r{number}", seed=number)
        path = out / record.artifacts["predictions"]
        if number == 0:
            np.savez(path, scores=np.array([Attack(mark)], dtype=object), labels=np.zeros(1, np.int64))
        elif number == 1:
            path.write_bytes(pickle.dumps(Attack(mark)))
        else:
            with zipfile.ZipFile(path, "w") as archive:
                archive.writestr("scores.npy", pickle.dumps(Attack(mark)))
                archive.writestr("labels.npy", pickle.dumps(Attack(mark)))
        records.append(record)
    result = bench("rescore", make_store(out, *records))
    assert result.exit_code == 1 and "3 have damaged predictions" in result.output
    assert not mark.exists()


def test_a_message_without_a_line_is_shown(tmp_path: Path) -> None:
    out = make_store(tmp_path, *(failed_record(message=word, seed=seed) for seed, word in enumerate(("", "\n", "\x1b"))))
    assert bench("status", out).exit_code == 0
    assert msgspec.json.decode((out / "records" / "first.jsonl").read_bytes().splitlines()[0])["status"] == "failed"
