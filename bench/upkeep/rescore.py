"""Metrics computed again from saved predictions."""

from __future__ import annotations

import math
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import numpy as np

from bench.errors import StoreError
from bench.kinds import KINDS
from bench.kinds.elsewhere import ELSEWHERE, metrics_elsewhere, of_elsewhere, transfer_metrics
from bench.kinds.metrics import Metric, Reliability
from bench.store.provenance import now
from bench.store.record import Record
from bench.store.shards import folder_shards, read_lines, readable
from bench.store.store import Store, artifact, latest

TOLERANCE = 1e-9  # absolute, on any metric
AGAIN = "run the cell again with --resume always"


@dataclass(frozen=True)
class Difference:
    """What a record says and what its predictions give."""

    record: Record
    metrics: dict[str, tuple[float | None, float]]  # name -> recorded (None if it is not in the record), computed
    counts: bool  # whether it is the record that counts for its cell


@dataclass
class Rescored:
    agree: int = 0
    different: list[Difference] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)  # one line each: the file and what is wrong with it
    missing: int = 0  # records with metrics whose predictions are not there
    written: int = 0  # corrected records appended
    problems: list[str] = field(default_factory=list)  # lines of the store that were passed over


def rescore(out: Path, write: bool = False) -> Rescored:
    """Compute the metrics of every record from its predictions and compare them with what is recorded.

    write: append a corrected record, with an id of its own, for each differing record that counts for its cell. What was
    written before stays, but no longer counts. Corrected metrics replace recorded ones of the same name; others are kept.
    Raises UsageError for a folder without records, StoreError for one that can't be read or written.
    """
    result = Rescored()
    records = list(readable(read_lines(folder_shards(out)), result.problems))
    counting = {record.record_id for record in latest(records).values()}
    corrected = {record.corrects for record in records}
    store = Store(out)
    unique = {record.record_id: record for record in records if record.metrics and record.record_id not in corrected}
    for record in unique.values():
        try:
            path = artifact(out, record, "predictions")
        except StoreError as error:
            result.unreadable.append(str(error))
            continue
        if path is None or not path.is_file():
            result.missing += 1
            continue
        try:
            metrics, bins = recompute(record, path)
        except ValueError as error:
            result.unreadable.append(f"{path}: {error}")
            continue
        differing = _differing(recorded(record), metrics)
        if not differing:
            result.agree += 1
            continue
        difference = Difference(record, differing, record.record_id in counting)
        result.different.append(difference)
        if write and difference.counts:
            store.append(_corrected(record, metrics, bins))
            result.written += 1
    return result


def recompute(record: Record, path: Path) -> tuple[dict[str, Metric], Reliability | None]:
    """What the predictions in `path` give: scores [N, C] with labels [N] and perhaps credit, for retrieval ranks of both ways.

    Metrics of another task that the fitted model was scored on are named elsewhere/TASK/METRIC.

    Raises ValueError for a file that is damaged or that belongs to another record.
    """
    try:
        # Opened here, as numpy leaves a damaged file open.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as saved:
            arrays = {name: np.asarray(saved[name]) for name in saved.files}
        others = transfer_metrics(arrays)
    except Exception as error:  # zipfile, zlib and numpy raise all sorts for damaged bytes
        raise ValueError(f"can't be read ({type(error).__name__}: {error}): {AGAIN}") from error
    try:
        metrics, bins = KINDS[record.cell.kind].rescore(arrays, None if record.data is None else record.data.n_test)
        for task, entry in record.elsewhere.items():
            if entry.metrics:
                found = metrics_elsewhere(KINDS[entry.kind], of_elsewhere(arrays, task), entry.n_test)
                others |= {f"{ELSEWHERE}{task}/{name}": metric for name, metric in found.items()}
    except KeyError as error:
        raise ValueError(f"has no array {error}: {AGAIN}") from error
    except ValueError as error:
        raise ValueError(f"{error}: {AGAIN}") from error
    return metrics | others, bins


def recorded(record: Record) -> dict[str, Metric]:
    """What is recorded, named as `recompute` names it."""
    elsewhere = {
        f"{ELSEWHERE}{task}/{name}": metric for task, entry in record.elsewhere.items() for name, metric in entry.metrics.items()
    }
    return record.metrics | elsewhere


def _differing(recorded: Mapping[str, Metric], computed: Mapping[str, Metric]) -> dict[str, tuple[float | None, float]]:
    found: dict[str, tuple[float | None, float]] = {}
    for name, metric in computed.items():
        before = recorded.get(name)
        if before is None:
            found[name] = None, metric.value
        elif before.higher_is_better != metric.higher_is_better or not math.isclose(
            before.value, metric.value, rel_tol=0, abs_tol=TOLERANCE
        ):
            found[name] = before.value, metric.value
    return found


def _corrected(record: Record, metrics: Mapping[str, Metric], bins: Reliability | None) -> Record:
    """The same attempt with other metrics. Times and machine stay those of the attempt; the flags say when this was done."""
    origin = record.provenance
    own = {name: metric for name, metric in metrics.items() if not name.startswith(ELSEWHERE)}
    elsewhere = {
        task: msgspec.structs.replace(entry, metrics=entry.metrics | of_elsewhere(metrics, task))
        for task, entry in record.elsewhere.items()
    }
    return msgspec.structs.replace(
        record,
        record_id=uuid.uuid4().hex[:16],
        metrics=record.metrics | own,
        elsewhere=elsewhere,
        reliability=bins,
        corrects=record.record_id,
        provenance=None if origin is None else msgspec.structs.replace(origin, flags={**origin.flags, "rescored": now()}),
    )
