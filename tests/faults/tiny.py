"""A task of twenty pictures and a grid of nine cells: what a fault is tried on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from bench.report.numbers.frame import CELL, to_frame
from bench.store.store import Store

METHODS = "zero-shot,linear-probe,taskres"
CELLS = 9


def photographs(root: Path) -> Path:
    """Two classes of ten noisy pictures."""
    random = np.random.default_rng(0)
    for colour, name in (((200, 30, 30), "red"), ((30, 30, 200), "blue")):
        (root / name).mkdir(parents=True)
        for number in range(10):
            pixels = np.clip(np.array(colour) + random.normal(0, 90, (32, 32, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(root / name / f"{number}.png")
    return root


def grid(photos: Path, out: Path, methods: str = METHODS, *more: object) -> tuple[str, ...]:
    """Arguments of `python -m bench`; two workers, so that each has one thread and may be forked."""
    fixed = ("run", "--quick", "--tasks", f"imagefolder:{photos}", "--shots", "1,2", "--seeds", "1,2", "--workers", "2")
    return tuple(map(str, (*fixed, "--precision", "fp32", "--methods", methods, "--resume", "failed", "--out", out, *more)))


Predictions = dict[tuple[object, ...], dict[str, np.ndarray]]


def predictions(out: Path) -> Predictions:
    """Cell -> its predicted arrays, of every record that counts."""
    found: Predictions = {}
    for record in Store(out).latest().values():
        if "predictions" in record.artifacts:
            with np.load(out / record.artifacts["predictions"]) as arrays:
                cell = tuple(getattr(record.cell, name) for name in CELL)
                found[cell] = {name: arrays[name] for name in arrays.files}
    return found


def check_same(found: Predictions, expected: Predictions, where: object = "") -> None:
    """The same cells with the same arrays, to the bit."""
    assert found.keys() == expected.keys(), where
    for cell, arrays in expected.items():
        assert found[cell].keys() == arrays.keys(), (where, cell)
        for name, values in arrays.items():
            np.testing.assert_array_equal(found[cell][name], values, err_msg=f"{where} {cell} {name}")


def statuses(out: Path) -> dict[str, set[str]]:
    """Label -> what became of its cells."""
    frame = to_frame(Store(out).latest().values())
    return {str(label): set(cells["status"]) for label, cells in frame.groupby("label")}
