"""What a method does wrong is a row of its own; no other cell is touched by it."""

from __future__ import annotations

import json
import typing
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.backbone import load
from bench.cell.attempt import CUT as CUT_TEXT
from bench.cell.attempt import MOST_MESSAGE, MOST_TRACEBACK
from bench.cell.worker import Worker
from bench.executors.log import CUT, MOST_BYTES
from bench.plan.grid import Cell, Request, expand
from bench.plan.registry import find_methods
from bench.plan.settings import Settings
from bench.spec import parse_names
from bench.store.record import Record
from bench.store.store import Store
from tests.faults import misbehaving
from tests.faults.driver import run
from tests.faults.tiny import grid, photographs

PLUGIN = Path(misbehaving.__file__)
EXPECTED = {
    "fine": ("ok", "", ""),
    "predict": ("failed", "predict", "no predictions today"),
    "rows": ("failed", "score", "scores of shape"),
    "classes": ("failed", "score", "scores of shape"),
    "scalar": ("failed", "predict", "zero-dimensional"),
    "text": ("failed", "predict", ""),
    "infinite": ("diverged", "score", "not finite"),
    "loss": ("diverged", "fit", ""),
    "allocate": ("oom", "fit", "allocate memory"),
    "bytes": ("oom", "fit", ""),
    "print": ("ok", "", ""),
    "support": ("ok", "", ""),
    "global": ("ok", "", ""),
    "abort": ("crashed", "worker", "SIGABRT"),
    "exit": ("crashed", "worker", "exit code 3"),
    "empty": ("failed", "fit", ""),
    "long": ("failed", "fit", "all that it choked on"),
    "deep": ("failed", "fit", "level 8"),
}


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return photographs(tmp_path_factory.mktemp("pictures") / "photos")


def test_every_way_is_tried() -> None:
    assert set(EXPECTED) == set(typing.get_args(misbehaving.How))


def test_each_is_a_row_that_says_what_happened(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    methods = ",".join(f"misbehaving[how={how}]" for how in EXPECTED)
    command = grid(photos, out, methods, "--plugin", PLUGIN, "--shots", "1", "--seeds", "1")
    code, text = run(*command, said=tmp_path / "said", limits={"memory": 2**31})
    assert code == 1, text
    assert "Traceback" not in text
    store = Store(out)
    found = {record.cell.params["how"]: record for record in store.read()}
    assert len(found) == len(list(store.read())) == len(EXPECTED)
    for how, (status, phase, message) in EXPECTED.items():
        error = found[how].error
        assert found[how].status == status, (how, error)
        if error is not None:
            assert error.phase == phase, (how, error)
            assert message in error.message, (how, error)
    sizes = [path.stat().st_size for path in (out / "logs").iterdir()]
    assert max(sizes) == MOST_BYTES + len(CUT)
    rows = (out / "leaderboard.md").read_text()
    assert all(rf"misbehaving\[how={how}\]" in rows for how in EXPECTED if how != "fine")


def worker(folder: Path) -> Worker:
    """One with a bank of its own."""
    return Worker(Settings(folder, folder / "bank", plugins=(PLUGIN,)))


def cell(photos: Path, method: str) -> Cell:
    request = Request(tuple(parse_names(method, "methods")), (f"imagefolder:{photos}",), (2,), (1,), quick=True)
    (found,) = expand(request, find_methods((PLUGIN,)), load("bundled").fingerprint)
    return found


def scores(worker: Worker, record: Record) -> np.ndarray:
    assert record.status == "ok", record.error
    with np.load(worker.settings.out / record.artifacts["predictions"]) as arrays:
        return arrays["scores"]


@pytest.mark.parametrize(
    "how",
    [
        *("misbehaving[how=support]", "misbehaving[how=global]", "reaching"),
        *("reaching[far=true]", "reaching[far=true,what=statistics]"),
    ],
)
@pytest.mark.parametrize("after", ["linear-probe", "taskres", "zero-shot"])
def test_the_next_cell_is_that_of_a_fresh_worker(photos: Path, tmp_path: Path, how: str, after: str) -> None:
    fresh = worker(tmp_path / "fresh")
    expected = scores(fresh, fresh.run(cell(photos, after)))
    used = worker(tmp_path / "used")
    wrong = used.run(cell(photos, how))
    if "far=true" in how:
        assert wrong.status == "failed" and wrong.error is not None
        assert "changed the backbone that all cells share" in wrong.error.message
    else:
        assert wrong.status == "ok", wrong.error
    np.testing.assert_array_equal(scores(used, used.run(cell(photos, after))), expected)
    assert torch.get_default_dtype() == torch.float32


@pytest.mark.parametrize("how", ["long", "deep"])
def test_what_a_record_quotes_of_an_error_is_bounded_and_says_so(photos: Path, tmp_path: Path, how: str) -> None:
    error = worker(tmp_path).run(cell(photos, f"misbehaving[how={how}]")).error
    assert error is not None
    assert len(error.message) <= MOST_MESSAGE + len(f" {CUT_TEXT}")
    assert len(error.traceback) <= MOST_TRACEBACK + len(f"{CUT_TEXT}\n")
    assert (error.message if how == "long" else error.traceback[: len(CUT_TEXT)]).endswith(CUT_TEXT)
    assert "in head" in error.traceback and error.traceback.rstrip().endswith(error.message)  # where, and what


def test_nothing_that_a_changed_backbone_encoded_reaches_the_disk(photos: Path, tmp_path: Path) -> None:
    """Others read the bank while the cell runs, so that removing it afterwards would be too late."""
    used = worker(tmp_path)
    assert used.run(cell(photos, "reaching[far=true]")).status == "failed"
    backbones = [json.loads(path.read_text())["backbone"] for path in (tmp_path / "bank").rglob("shelf.json")]
    assert backbones and not any(backbones)  # pixels depend on no weights
