"""The smallest tasks, cells and records that the tests of the harness need."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from bench.store.record import CellInfo, Provenance, Record
from tasks.base import Split, SplitName, Task

BLANK = Image.new("RGB", (2, 2))


def make_split(name: str, labels: Sequence[int], texts: Sequence[str] | None = None, ids: Sequence[str] | None = None) -> Split:
    """Blank images whose ids tell split and row."""
    ids = [f"{name}-{row}" for row in range(len(labels))] if ids is None else ids
    return Split(ids, lambda row: BLANK, np.array(labels, dtype=np.int64), texts)


def make_task(name: str = "tiny", kind: str = "classification", per_class: int = 20, classes: int = 3, **changes: Any) -> Task:
    """A task with `per_class` examples of each class in every split, the classes taking turns; as many pairs for retrieval."""

    def load(split: SplitName) -> Split:
        count = per_class * classes
        if kind == "classification":
            return make_split(split, [row % classes for row in range(count)])
        labels = [-1] * count if kind == "retrieval" else [row % classes for row in range(count)]
        return make_split(split, labels, [f"sentence {row}" for row in range(count)])

    names = () if kind == "retrieval" else tuple(f"class{number}" for number in range(classes))
    return Task(**{"name": name, "kind": kind, "version": "1", "class_names": names, "load": load, **changes})


def make_cell(**changes: Any) -> CellInfo:
    return CellInfo(
        **{
            **{"method": "lora", "label": "lora", "params": {"r": 2}, "method_code": "c0de", "family": "inside the encoder"},
            **{"task": "tiny", "task_version": "1", "kind": "classification", "shots": 4, "seed": 1, "protocol": "fixed"},
            **{"backbone": "bundled", "fingerprint": "f00d", "precision": "fp32"},
            **changes,
        }
    )


def make_record(
    record_id: str = "r1", cell: CellInfo | None = None, status: str = "ok", minute: int = 0, **changes: Any
) -> Record:
    """A record that was finished at `minute` of some hour."""
    provenance = Provenance(
        commit=None, dirty=None, packages={}, python="3.11", device="cpu", driver=None, threads=1, host="here", command="",
        started="2026-01-01T00:00:00Z", finished=f"2026-01-01T00:{minute:02}:00Z",
    )  # fmt: skip
    return Record(
        **{"record_id": record_id, "cell": cell or make_cell(), "status": status, "provenance": provenance, **changes},
    )
