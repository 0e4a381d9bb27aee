"""Arrays and metrics of the other tasks that a fitted model is scored on, as they are kept beside the cell's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import numpy as np

from bench.kinds.kind import Kind
from bench.kinds.metrics import Metric
from tasks.corruptions import CONDITIONS, CORRUPTIONS, STRENGTHS

ELSEWHERE = "elsewhere/"  # what begins the names of arrays of other tasks
TRANSFER = "zero_shot/"  # what began the names of metrics and arrays of other tasks in earlier records
CONDITION = "condition"  # array [N] of the corruption that each example was under

Value = TypeVar("Value")


def elsewhere_arrays(task: str, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The arrays of another task's scores, named so that they can be kept beside the cell's own."""
    return {f"{ELSEWHERE}{task}/{name}": array for name, array in arrays.items()}


def of_elsewhere(named: Mapping[str, Value], task: str) -> dict[str, Value]:
    """What is another task's among a cell's arrays, or their metrics; nothing where nothing was scored."""
    start = f"{ELSEWHERE}{task}/"
    return {name.removeprefix(start): value for name, value in named.items() if name.startswith(start)}


def metrics_elsewhere(kind: Kind, arrays: Mapping[str, np.ndarray], examples: int | None) -> dict[str, Metric]:
    """The metrics of another task from its arrays; of corrupted images the headline of each corruption and strength, too.

    Raises what `Kind.rescore` raises for arrays that are none of its own.
    """
    metrics = dict(kind.rescore(arrays, examples)[0])
    if CONDITION not in arrays or not kind.has_classes:  # ranks are among all the others
        return metrics
    names = np.array([name for name, _ in CONDITIONS])[arrays[CONDITION]]
    strengths = np.array([strength for _, strength in CONDITIONS])[arrays[CONDITION]]
    parts = {name: names == name for name in CORRUPTIONS} | {f"strength {each}": strengths == each for each in STRENGTHS}
    for part, rows in parts.items():
        rows = rows & (arrays["labels"] >= 0)
        if rows.any():
            own = {name: arrays[name][rows] for name in ("scores", "labels")}
            metrics[part] = kind.rescore(own, None)[0][kind.headline]
    return metrics


def transfer_metrics(arrays: Mapping[str, np.ndarray]) -> dict[str, Metric]:
    """The accuracy on each other task whose arrays are there, as earlier records have it."""
    tasks = [name.split("/")[1] for name in arrays if name.startswith(TRANSFER) and name.endswith("/labels")]
    return {
        f"{TRANSFER}{task}": Metric(
            float((arrays[f"{TRANSFER}{task}/scores"].argmax(1) == arrays[f"{TRANSFER}{task}/labels"]).mean())
        )
        for task in tasks
    }
