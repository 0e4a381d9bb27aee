"""Small results folders with made-up records in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from click.testing import CliRunner, Result

from bench.cli import main
from bench.kinds.metrics import Metric, classification_metrics
from bench.kinds.recall import retrieval_metrics
from bench.store.record import Bytes, Failure, Joules, Parameters, Record, Seconds, to_json
from tests.factories import make_cell, make_record


def bench(*arguments: object) -> Result:
    """The command line as a user types it."""
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def make_store(root: Path, *records: Record, name: str = "first") -> Path:
    """A results folder with one shard."""
    (root / "records").mkdir(parents=True, exist_ok=True)
    (root / "records" / f"{name}.jsonl").write_bytes(b"".join(to_json(record) + b"\n" for record in records))
    return root


def scored(
    accuracy: float,
    record_id: str = "r1",
    *,
    seconds: float = 2.0,
    joules: float = 20.0,
    quality: str = "estimated",
    memory: int = 2**20,
    trainable: int = 100,
    minute: int = 0,
    changes: dict[str, Any] | None = None,
    **cell: Any,
) -> Record:
    """An attempt at `make_cell(**cell)` that went well."""
    name = "mean_recall@1" if cell.get("kind") == "retrieval" else "accuracy"
    fields: dict[str, Any] = {
        "metrics": {name: Metric(accuracy), "log_loss": Metric(1 - accuracy, higher_is_better=False)},
        "time_s": Seconds(total=seconds),
        "energy_j": Joules(total=joules, quality=quality),  # type: ignore[arg-type]
        "memory_bytes": Bytes(total=memory),
        "parameters": Parameters(trainable=trainable, total=1000, share=trainable / 1000, stored_bytes=8),
        **(changes or {}),
    }
    return make_record(record_id, make_cell(**cell), minute=minute, **fields)


def failed(record_id: str = "r1", *, status: str = "oom", message: str = "no memory", minute: int = 0, **cell: Any) -> Record:
    error = Failure(phase="fit", type="OutOfMemoryError", message=message)
    return make_record(record_id, make_cell(**cell), status, minute, error=error)


def predicted(out: Path, record_id: str, *, seed: int = 1, right: int = 3, kind: str = "classification", **cell: Any) -> Record:
    """A record of four test examples, `right` of them right, with its predictions in `out` and the metrics that they give."""
    (out / "artifacts").mkdir(parents=True, exist_ok=True)
    if kind == "retrieval":
        ranks = np.array([0] * right + [2] * (4 - right), dtype=np.int32)
        arrays = {"image_to_text": ranks, "text_to_image": np.sort(ranks)}
        metrics = retrieval_metrics(arrays)
    else:
        arrays = {"scores": np.eye(2, dtype=np.float32)[[0] * right + [1] * (4 - right)], "labels": np.zeros(4, dtype=np.int64)}
        metrics = classification_metrics(arrays["scores"], arrays["labels"])
    np.savez_compressed(out / "artifacts" / f"{record_id}.npz", **arrays)  # type: ignore[arg-type]
    artifacts = {"predictions": f"artifacts/{record_id}.npz"}
    return make_record(record_id, make_cell(seed=seed, kind=kind, **cell), metrics=metrics, artifacts=artifacts)
