"""The CSV files and the JSON. Scores are 0..1 and costs unrounded: they are for programs; the leaderboard is for people."""

from __future__ import annotations

import dataclasses
import io
import json
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import pandas as pd

from bench.report.numbers import sizes
from bench.report.numbers.frame import metric_column
from bench.report.numbers.section import SECTION
from bench.report.numbers.statistics import Estimate
from bench.report.numbers.summary import Costs, Joint, Row, Summary, Table, TaskScore
from bench.text import spreadsheet

_LEADERBOARD = [
    *SECTION,
    *("label", "method", "family", "baseline", "scope", "task", "shots"),
    *("mean", "deviation", "half_width", "bootstrap_low", "bootstrap_high", "seeds", "ok", "failed", "missing", "not_applicable"),
    *("rank", "gain", "behind", "behind_p"),
    *("trainable_low", "trainable_high", "trainable_mean", "share_low", "share_high", "seconds"),
    *("joules_measured", "joules_estimated", "memory_bytes", "stored_bytes_low", "stored_bytes_high", "pareto"),
]


def cells_csv(summary: Summary) -> str:
    """One row per counting cell."""
    cells = summary.frame[summary.frame["counts"]].drop(columns=["counts", "other_data", "reliability"])
    return to_csv(cells.assign(shots=cells["shots"].map(sizes.typed)))


def leaderboard_csv(summary: Summary) -> str:
    """Per method and shot count one row of scope "all tasks", and one of scope "one task" for each task."""
    rows = [row for table in summary.tables for method in table.rows for row in _rows(table, method)]
    metrics = dict.fromkeys(metric_column(metric) for table in summary.tables for metric in table.scores.metrics)
    frame = pd.DataFrame(rows, columns=[*_LEADERBOARD, *metrics])
    # Gaps would turn counts into 3.0.
    return to_csv(
        frame.astype(
            dict.fromkeys(("seeds", "trainable_low", "trainable_high", "stored_bytes_low", "stored_bytes_high"), "Int64")
        )
    )


def leaderboard_json(summary: Summary) -> str:
    """The tables with every row's scores, costs and marks, for programs; what is unknown is null."""
    tables = []
    for table in summary.tables:
        rows = []
        for row in table.rows:
            given: dict[str, Any] = msgspec.to_builtins(dataclasses.replace(row, task_costs={}), str_keys=True)
            given |= {name: _typed_keys(given[name]) for name in ("scores", "partial", "bootstrap")}
            given["tasks"] = {task: _typed_keys(scores) for task, scores in given["tasks"].items()}
            given["task_costs"] = [
                {"task": task, "shots": sizes.typed(shots), **msgspec.to_builtins(costs)}
                for (task, shots), costs in row.task_costs.items()
            ]
            rows.append(given)
        head = {
            **{"shots": [sizes.typed(shots) for shots in table.shots], "tasks": table.tasks},
            **{"reference": table.scores.reference, "gain_tasks": table.scores.gain_tasks, "ranked": len(table.scores.ranks)},
            **{"notes": table.notes, "chance": table.levels.chance, "majority": table.levels.majority},
        }
        found = {"rankings": _rankings(table), "published": [dataclasses.asdict(row) for row in table.published], "rows": rows}
        tables.append({"section": dataclasses.asdict(table.section), **head, **found})
    joint = [{"section": dataclasses.asdict(part.section), "rankings": _rankings(part)} for part in summary.joint]
    return json.dumps({"tables": tables, "joint": joint}, indent=1, allow_nan=False) + "\n"


def _rankings(part: Table | Joint) -> list[dict[str, Any]]:
    return [dataclasses.asdict(ranking) | {"shots": sizes.typed(ranking.shots)} for ranking in part.rankings]


def _typed_keys(by_shots: Mapping[str, Any]) -> dict[str, Any]:
    return {str(sizes.typed(int(shots))): value for shots, value in by_shots.items()}


def to_csv(frame: pd.DataFrame) -> str:
    """CSV with "\\n" line ends, no formula in any text, and nothing at all where a value is missing."""
    safe = {}
    for name in frame.columns:
        column = frame[name]
        if column.dtype == object or isinstance(column.dtype, pd.StringDtype):  # pandas 3 makes the latter of texts
            # Few different texts stand in many rows: each is looked at once.
            known = {value: spreadsheet(value) for value in column.unique() if isinstance(value, str)}
            column = column.map(lambda value, known=known: known.get(value, value) if isinstance(value, str) else value)
        safe[name] = column
    buffer = io.StringIO()
    pd.DataFrame(safe).to_csv(buffer, index=False, lineterminator="\n")
    return buffer.getvalue()


def _rows(table: Table, method: Row) -> Iterator[dict[str, object]]:
    common = {
        **dataclasses.asdict(table.section),
        **{"label": method.label, "method": method.method, "family": method.family, "baseline": method.baseline},
    }
    whole = {
        "rank": method.rank,
        "gain": method.gain,
        "behind": method.behind,
        "behind_p": method.behind_p,
        "pareto": " ".join(method.pareto),
        **{metric_column(metric): value for metric, value in method.metrics.items()},
    }
    for shots in table.shots:
        found = [scores[shots] for scores in method.tasks.values() if shots in scores]
        # Ranks, gains, further metrics and costs of the means belong to the largest shot count.
        last = whole | _costs(method.costs) if shots == table.largest else {}
        ends = dict(zip(("bootstrap_low", "bootstrap_high"), method.bootstrap.get(shots, (None, None)), strict=True))
        place = {"scope": "all tasks", "task": "", "shots": sizes.typed(shots)}
        yield common | place | _estimate(method.scores[shots]) | ends | _counts(found) | last
    for task, scores in method.tasks.items():
        for shots, score in scores.items():
            costs = method.task_costs.get((task, 0 if method.baseline else shots), Costs())
            place = {"scope": "one task", "task": task, "shots": sizes.typed(shots)}
            yield common | place | _estimate(score.estimate) | _counts([score]) | _costs(costs)


def _estimate(estimate: Estimate | None) -> dict[str, object]:
    if estimate is None:
        return {}
    return {
        "mean": estimate.mean,
        "deviation": estimate.deviation,
        "half_width": estimate.half_width,
        "seeds": estimate.count,
    }


def _counts(scores: list[TaskScore]) -> dict[str, object]:
    return {name: sum(getattr(score, name) for score in scores) for name in ("ok", "failed", "missing", "not_applicable")}


def _costs(costs: Costs) -> dict[str, object]:
    trainable, share = costs.trainable_range or (None, None), costs.share_range or (None, None)
    return {
        **{"trainable_low": trainable[0], "trainable_high": trainable[1], "trainable_mean": costs.trainable},
        **{"share_low": share[0], "share_high": share[1], "seconds": costs.seconds},
        **{
            "joules_measured": costs.joules_measured,
            "joules_estimated": costs.joules_estimated,
            "memory_bytes": costs.memory_bytes,
            **dict(zip(("stored_bytes_low", "stored_bytes_high"), costs.stored_range or (None, None), strict=True)),
        },
    }
