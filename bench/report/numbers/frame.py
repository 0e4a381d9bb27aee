"""Records as one flat table: a row per record, a column per figure.

Text columns hold None where there is nothing, number columns a missing value. Units are in the names.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable

import pandas as pd

from bench.report.numbers import sizes
from bench.report.numbers.entries import Entry, entries
from bench.report.numbers.section import FLAGS, SECTION
from bench.store.record import Record

# What names a cell within a table.
CELL = ["label", "task", "shots", "seed"]

# What a reader of cells.csv looks for, before all the rest.
_FIRST = [*CELL, "status", "score", *SECTION]

OK, FAILED, NOT_APPLICABLE = "ok", "failed", "not_applicable"

# Part of the record -> column -> field of the part.
_TEXT = {
    "cell": {
        **{name: name for name in SECTION if name not in (*FLAGS, "board", "kind")},
        **{name: name for name in ("method", "label", "method_code", "family", "sees", "task_version")},
    },
    "energy_j": {"energy_quality": "quality", "energy_source": "source", "energy_scope": "scope"},
    "memory_bytes": {"memory_source": "source"},
    "data": {"origin": "origin", "support_hash": "support_hash", "test_hash": "test_hash"},
    "provenance": {name: name for name in ("commit", "device", "host", "started", "finished")},
}
_INTEGER = {
    "cell": {"seed": "seed"},
    "parameters": {"trainable": "trainable", "total_parameters": "total", "stored_bytes": "stored_bytes"},
    "memory_bytes": {f"memory_{part}_bytes": part for part in ("total", "bank", "fit", "predict", "baseline")},
    "training": {"asked_steps": "asked_steps", "run_steps": "run_steps", "batch": "batch"},
    "data": {"classes": "classes", "support_count": "n_support", "validation_count": "n_val", "test_count": "n_test"},
    "provenance": {"threads": "threads"},
}
_DECIMAL = {
    "parameters": {"share": "share"},
    "data": {"majority": "majority"},
    "time_s": {f"seconds_{part}": part for part in ("total", "bank", "fit", "predict", "cpu", "bank_spent")},
    "energy_j": {
        **{f"joules_{part}": part for part in ("total", "bank", "fit", "predict")},
        **{"energy_window_seconds": "window_s", "idle_watts": "idle_watts"},
    },
    "training": {
        **{"warmup_seconds": "warmup_s", "steps_per_second": "steps_per_s", "samples_per_second": "samples_per_s"},
        "rate_factor": "rate_factor",
        "length_factor": "length_factor",
    },
}
_TRUTH = {
    "cell": {name: name for name in FLAGS},
    "energy_j": {"energy_shared": "shared"},
    "training": {"capped": "capped"},
    "provenance": {"dirty": "dirty"},
}

# What a part holds per phase, and the column: {phase} in it is "bank", "fit" or "predict".
_PER_PHASE = {
    "time_s": {"cpu_seconds_{phase}": "cpu_per_phase", "device_seconds_{phase}": "device_per_phase"},
    "energy_j": {"energy_repeated_{phase}": "repeated"},
    "memory_bytes": {"memory_reserved_{phase}_bytes": "reserved_per_phase"},
}
PHASES = ("bank", "fit", "predict")

_OWN = {
    **dict.fromkeys(
        ("board", "task", "kind", "scored_by", "error_phase", "error_type", "error_message"), "object"
    ),  # see `entries.Entry`
    **dict.fromkeys(("record_id", "status", "state", "params", "chosen", "loss", "reliability", "data_notes"), "object"),
    **{"score": "float64", "skipped_images": "Int64", "shots": "int64"},
}

_FIELDS = [
    (column, part, field, dtype)
    for parts, dtype in ((_TEXT, "object"), (_INTEGER, "Int64"), (_DECIMAL, "float64"), (_TRUTH, "boolean"))
    for part, fields in parts.items()
    for column, field in fields.items()
]


def to_frame(records: Iterable[Record]) -> pd.DataFrame:
    """One row per record and board, in an order that does not depend on the order of the records.

    `score` is the headline metric, 0..1, missing where there is none. `state` folds the status into what the tables
    tell apart: ok (with a finite score), not_applicable, failed (everything else). `loss` and `chosen` are JSON,
    `reliability` is the record's own, and every metric has a column (`metric_column`).
    """
    columns: dict[str, list[object]] = {column: [] for column, *_ in _FIELDS}
    own = []
    for record in records:
        for entry in entries(record):
            for column, part, field, _ in _FIELDS:
                columns[column].append(getattr(getattr(record, part), field, None))
            own.append(_own(record, entry))
    series = {column: pd.Series(columns[column], dtype=dtype) for column, _, _, dtype in _FIELDS}
    texts = [name for name, dtype in _OWN.items() if dtype == "object"]
    found = pd.DataFrame(own, columns=[*_OWN, *sorted({name for row in own for name in row} - set(_OWN))])
    found = found.astype(_OWN)
    # Texts beside nothing would become a missing number otherwise.
    found[texts] = pd.DataFrame({name: pd.Series([row[name] for row in own], dtype="object") for name in texts})
    frame = pd.DataFrame(series).join(found).astype({"seed": "int64", **dict.fromkeys(FLAGS, "bool")})
    frame = frame[[*_FIRST, *frame.columns.difference(_FIRST, sort=False)]]
    # A total order: sums of floats, and with them every byte written, must not hang on the order of the shards.
    return frame.sort_values([*SECTION, *CELL, "finished", "record_id"], ignore_index=True, na_position="first")


def _own(record: Record, entry: Entry) -> dict[str, object]:
    """What is not a field of a part: `_OWN`, and the columns that only some records have."""
    score = entry.score
    finite = score is not None and math.isfinite(score)
    training = record.training
    row: dict[str, object] = {
        "record_id": record.record_id,
        "status": record.status,
        "state": NOT_APPLICABLE if entry.reason else _state(record.status, finite),
        "score": score if finite else None,
        "params": json.dumps(record.cell.params, sort_keys=True, default=str),
        "chosen": json.dumps(training.chosen, sort_keys=True, default=str) if training and training.chosen else None,
        "loss": json.dumps(training.loss) if training and training.loss else None,
        "shots": sizes.number(record.cell),
        "skipped_images": None if record.data is None else len(record.data.skipped_images),
        "reliability": None if entry.board else record.reliability,
        **{"board": entry.board, "task": entry.task, "kind": entry.kind, "scored_by": entry.by or None},
        **{f"error_{name}": getattr(record.error, name, None) for name in ("phase", "type", "message")},
        "data_notes": None if record.data is None else "\n".join(record.data.notes) or None,
    }
    if entry.reason:
        row |= {"error_phase": "elsewhere", "error_type": "NotApplicable", "error_message": entry.reason}
    row |= {metric_column(name): value for name, value in entry.metrics.items()}
    for part, fields in _PER_PHASE.items():
        for column, field in fields.items():
            found = getattr(getattr(record, part), field, None) or {}
            row |= {column.format(phase=phase): found[phase] for phase in PHASES if found.get(phase) is not None}
    return row


def metric_column(metric: str) -> str:
    """Where a metric of the records stands."""
    return f"metric_{metric}"


def _state(status: str, finite: bool) -> str:
    if status == "not_applicable":
        return NOT_APPLICABLE
    return OK if status == "ok" and finite else FAILED


def mark_current(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with a column `counts`: false for what a later record of the same cell has overtaken.

    `other_data`: whether that is so because a later record is of another version of its task.

    The store counts an attempt with an edited method, or at a new version of a task, as another cell. Here they would
    be the same row of a table, and two scores of one seed must not pass for two seeds. So within a table the newest
    version of a task counts, and of each cell the record that finished last.
    """
    order = frame.assign(finished=frame["finished"].fillna("")).sort_values(["finished", "record_id"], kind="stable")
    newest = order.groupby([*SECTION, "task"])["task_version"].transform("last")
    order = order[order["task_version"] == newest]
    last = order.drop_duplicates([*SECTION, *CELL], keep="last").index
    return frame.assign(counts=frame.index.isin(last), other_data=~frame.index.isin(order.index))
