"""Disks that are full or read-only, files that may not grow, folders of others: a clear line, exit code 2, nothing torn."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bench.store.store import Store
from tests.faults.driver import run
from tests.faults.tiny import CELLS, METHODS, check_same, grid, predictions


def mount(*arguments: object) -> None:
    """Skips the test, with the reason, where this may not be done."""
    try:
        done = subprocess.run(["mount", *map(str, arguments)], capture_output=True, text=True)
    except FileNotFoundError:
        pytest.skip("there is no mount command here")
    if done.returncode:
        pytest.skip(f"mounting is not allowed here: {done.stderr.strip()}")


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    folder.mkdir()
    mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def refused(text: str, *parts: str) -> None:
    """The last line is the one that tells what to do; there is no traceback."""
    assert "Traceback" not in text
    (line,) = [line for line in text.splitlines() if line.startswith("error: ")]
    assert all(part in line for part in parts), line


def test_a_disk_that_fills_up_stops_the_run_and_loses_nothing(photos: Path, tmp_path: Path, finished: Path) -> None:
    with small_disk(tmp_path / "disk", "1m") as disk:
        ballast = disk / "ballast"
        ballast.write_bytes(b"x" * 770_000)
        command = grid(photos, disk / "out", METHODS, "--bank", tmp_path / "bank")
        code, text = run(*command, said=tmp_path / "said")
        assert code == 2, text
        refused(text, str(disk), "No space left on device", "free space")
        store = Store(disk / "out")
        before = [record.record_id for record in store.read()]
        assert store.problems == []
        ballast.unlink()
        subprocess.run(["mount", "-o", "remount,size=16m", str(disk)], check=True)
        code, text = run(*command, said=tmp_path / "said")
        assert code == 0, text
        assert set(before) <= {record.record_id for record in store.read()}
        check_same(predictions(disk / "out"), predictions(finished))


def test_a_bank_that_fills_up_is_named(photos: Path, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "64k") as disk:
        code, text = run(*grid(photos, tmp_path / "out", METHODS, "--bank", disk), said=tmp_path / "said")
        assert code == 2, text
        refused(text, str(disk), "No space left on device", "choose another --bank")
        assert list(Store(tmp_path / "out").read()) == []


def test_a_bank_without_locks_stops_the_run_before_any_record(photos: Path, tmp_path: Path) -> None:
    """The plug-in takes the locks away, in the driver and in its workers."""
    plugin = tmp_path / "lockless.py"
    plugin.write_text(
        "import errno, fcntl\n\n\ndef refuse(file, how):\n"
        "    raise OSError(errno.ENOLCK, 'No locks available')\n\n\nfcntl.flock = refuse\n"
    )
    command = grid(photos, tmp_path / "out", METHODS, "--bank", tmp_path / "bank", "--plugin", plugin)
    code, text = run(*command, said=tmp_path / "said")
    assert code == 2, text
    refused(text, str(tmp_path / "bank"), "No locks available", "give --bank a folder on a local disk")
    assert list(Store(tmp_path / "out").read()) == []


def test_a_read_only_folder_is_refused_before_any_work_and_read_as_ever(finished: Path, photos: Path, tmp_path: Path) -> None:
    shutil.copytree(finished, tmp_path / "disk")
    mount("--bind", tmp_path / "disk", tmp_path / "disk")
    try:
        mount("-o", "remount,bind,ro", tmp_path / "disk")
        code, text = run(*grid(photos, tmp_path / "disk", "zero-shot,class-mean-probe"), said=tmp_path / "said")
        assert code == 2, text
        refused(text, "Read-only file system", "choose another --out")
        assert run("report", "--out", tmp_path / "disk", said=tmp_path / "said")[0] == 2
        code, text = run("status", tmp_path / "disk", said=tmp_path / "said")
        assert code == 0 and f"{CELLS} cells ok" in text
    finally:
        subprocess.run(["umount", str(tmp_path / "disk")], check=True)


@pytest.mark.parametrize("size", [100_000, 8_000])  # too small for the probe's file, or for a record in the end
def test_files_that_may_not_grow(photos: Path, tmp_path: Path, size: int) -> None:
    code, text = run(*grid(photos, tmp_path / "out"), said=tmp_path / "said", limits={"files": size})
    assert code == 2, text
    refused(text, "File too large", "free space")
    store = Store(tmp_path / "out")
    list(store.read())
    assert store.problems == []


def test_a_folder_of_somebody_else(finished: Path, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(finished, out)
    folders = [out, *(path for path in out.rglob("*") if path.is_dir())]
    for folder in folders:
        folder.chmod(0o555)
    said = tmp_path / "said"
    code, text = run(*grid(photos, out, "zero-shot,class-mean-probe"), said=said, bound=True)
    assert code == 2, text
    refused(text, "Permission denied", "choose another --out")
    records = out / "records"
    (shard, *_) = records.iterdir()
    for mode in (0o300, 0o444, 0o000):  # can't be listed, can't be entered, neither
        records.chmod(mode)
        for command in (grid(photos, out), ("status", out)):
            code, text = run(*command, said=said, bound=True)
            assert code == 2, text
            refused(text, str(records), "Permission denied", "check permissions")
    records.chmod(0o555)
    shard.chmod(0)
    code, text = run("status", out, said=said, bound=True)
    for folder in folders:
        folder.chmod(0o755)
    assert code == 2, text
    refused(text, shard.name, "check permissions")
