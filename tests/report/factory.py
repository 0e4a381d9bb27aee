"""Records for the tests of the report: a whole grid of cells from one line."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import numpy as np

from bench.kinds import KINDS
from bench.kinds.metrics import Metric, Reliability
from bench.store.record import Bytes, CellInfo, Data, Failure, Joules, Parameters, Provenance, Record, Seconds, Training


def number(*key: object) -> float:
    """A number 0..1 that depends on the key alone."""
    return int.from_bytes(hashlib.sha256(repr(key).encode()).digest()[:6], "big") / 2**48


def make_record(
    method: str = "lora", task: str = "digits", shots: int = 4, seed: int = 1, score: float | None = 0.5, **changes: Any
) -> Record:
    """One record; `changes` go to the cell if it has such a field, to the record otherwise."""
    cell_fields = set(CellInfo.__struct_fields__)
    cell_changes = {name: value for name, value in changes.items() if name in cell_fields}
    record_changes = {name: value for name, value in changes.items() if name not in cell_fields}
    kind = cell_changes.get("kind", "classification")
    cell = CellInfo(
        **{
            **{"method": method, "label": method, "params": {"alpha": 0.5}, "method_code": "code1", "family": "head"},
            **{"task": task, "task_version": "1", "kind": kind, "shots": shots, "seed": seed, "protocol": "fixed"},
            **{"backbone": "bundled", "fingerprint": "f00d", "precision": "fp32"},
            **cell_changes,
        }
    )
    done = {
        "metrics": {KINDS[kind].headline: Metric(score)} if score is not None else {},
        "parameters": Parameters(trainable=1000, total=100_000, share=0.01, stored_bytes=4096),
        "time_s": Seconds(bank=1.0, fit=2.0, predict=0.5, total=3.5, cpu=3.0),
        "energy_j": Joules(bank=1.0, fit=20.0, predict=4.0, total=25.0, quality="measured", source="rapl", scope="cpu packages"),
        "memory_bytes": Bytes(total=2**20, source="process high-water mark"),
        "training": Training(asked_steps=200, run_steps=200, capped=False, batch=32),
        "data": Data(
            origin="bundled generator", classes=5, n_support=5 * shots, n_val=0, n_test=100,
            support_hash=f"{task}-{shots}-{seed}", test_hash=f"{task}-test",
        ),
        "provenance": Provenance(
            commit="abc", dirty=False, packages={}, python="3.11", device="cpu", driver=None, threads=2, host="here",
            command="bench run", started="2026-01-01T00:00:00Z", finished="2026-01-01T00:01:00Z",
        ),
    }  # fmt: skip
    record_id = "-".join(map(str, (cell.label, task, shots, seed, cell.backbone, kind)))
    return Record(**{"record_id": record_id, "cell": cell, "status": "ok", **done, **record_changes})


def failed_record(status: str = "failed", message: str = "out of luck", phase: str = "fit", **given: Any) -> Record:
    """A record without any figure."""
    error = Failure(phase=phase, type="RuntimeError", message=message)
    nothing = {"metrics": {}, "parameters": None, "time_s": None, "energy_j": None, "memory_bytes": None, "training": None}
    return make_record(score=None, **{**given, **nothing, "status": status, "error": error})


def later(record: Record, finished: str = "2026-02-02T00:00:00Z") -> Record:
    """The same record, finished at another time, under another id."""
    provenance = msgspec.structs.replace(record.provenance, finished=finished)
    return msgspec.structs.replace(record, record_id=record.record_id + finished, provenance=provenance)


# name -> family, skill 0..1, trained parameters, seconds
REALISTIC: dict[str, tuple[str, float, int, float]] = {
    "zero-shot": ("zero-shot", 0.0, 0, 2.1),
    "linear-probe": ("head", 0.4, 5130, 3.0), "class-mean-probe": ("head", 0.3, 5120, 2.4),
    "tip-adapter": ("head", 0.35, 81920, 2.6), "tip-adapter-f": ("head", 0.5, 81920, 4.4), "coop": ("prompt", 0.55, 8192, 61.0),
    "xtremeclip": ("head", 0.45, 15360, 3.9), "lora": ("encoder", 0.75, 184_320, 95.0), "bitfit": ("encoder", 0.6, 102_000, 88.0),
    "layernorm": ("encoder", 0.58, 61_440, 84.0), "lilt-partial": ("encoder", 0.62, 3_200_000, 70.0),
    "full": ("encoder", 0.7, 41_000_000, 140.0),
}  # fmt: skip
TASKS = ("digits", "shapes", "colours", "left-of", "textures", "counts", "letters")


def realistic(
    methods: Iterable[str] = tuple(REALISTIC),
    tasks: Sequence[str] = TASKS,
    shots: Sequence[int] = (1, 4, 16),
    seeds: Sequence[int] = (1, 2, 3),
    **changes: Any,
) -> list[Record]:
    """A whole grid that looks like a run: better with shots, tasks of different hardness, encoders slower than heads."""
    records = []
    for name in methods:
        family, skill, trained, seconds = REALISTIC.get(name, ("other", number(name), 1000, 10.0))
        for task in tasks:
            base = 0.35 + 0.4 * number(task)
            if name == "zero-shot":
                records.append(_priced(make_record(name, task, 0, 0, base, family=family, **changes), trained, seconds))
                continue
            for count in shots:
                for seed in seeds:
                    gain = (0.9 - base) * skill * np.log2(1 + count) / 4.1 + 0.05 * (number(name, task) - 0.6)
                    score = float(np.clip(base + gain + 0.03 * (number(name, task, count, seed) - 0.5), 0, 1))
                    record = make_record(name, task, count, seed, score, family=family, **changes)
                    records.append(_priced(record, trained, seconds * (1 + 0.1 * number(task, count))))
    return records


def _priced(record: Record, trained: int, seconds: float) -> Record:
    return msgspec.structs.replace(
        record,
        parameters=Parameters(
            trainable=trained, total=41_000_000 + trained, share=trained / (41_000_000 + trained), stored_bytes=4 * trained
        ),
        time_s=Seconds(bank=2.0, fit=seconds - 2.05, predict=0.05, total=seconds, cpu=seconds),
        energy_j=Joules(total=10 * seconds, quality="estimated", source="cpu-seconds x 10 W", scope="this process"),
        memory_bytes=Bytes(total=int(2**20 * (200 + seconds)), source="process high-water mark"),
        training=Training(asked_steps=12800, run_steps=200, capped=True, batch=32) if seconds > 50 else None,
    )


def with_bins(record: Record) -> Record:
    """The record with a loss for each tenth of its run, a calibration error, and the bins that it is made of."""
    sharp = number(record.cell.label)
    bins = Reliability(count=[20, 30, 0, 50], right=[4, 12, 0, 40], confidence=[3.0, 11.0, 0.0, 40.0 + 5 * sharp])
    metrics = {**record.metrics, "calibration_error": Metric(0.05 + 0.1 * sharp, higher_is_better=False)}
    training = (
        None if record.training is None else msgspec.structs.replace(record.training, loss=list(np.geomspace(2 + sharp, 0.2, 10)))
    )
    return msgspec.structs.replace(record, reliability=bins, metrics=metrics, training=training)
