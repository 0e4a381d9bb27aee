"""The rows of the tables in another order than best first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from bench.errors import UsageError
from bench.report.numbers import sizes
from bench.report.numbers.summary import Row, Summary

# Column -> what is sorted by, smallest first; None goes last.
COLUMNS: dict[str, Callable[[Row], float | str | None]] = {
    "method": lambda row: row.label,
    "rank": lambda row: row.rank,
    "gain": lambda row: None if row.gain is None else -row.gain,
    "parameters": lambda row: row.costs.trainable_range[1] if row.costs.trainable_range else None,
    "stored": lambda row: row.costs.stored_range[1] if row.costs.stored_range else None,
    "seconds": lambda row: row.costs.seconds,
    "joules": lambda row: row.costs.joules_measured,
    "joules-estimated": lambda row: row.costs.joules_estimated,
    "memory": lambda row: row.costs.memory_bytes,
}


def sort_rows(summary: Summary, column: str) -> Summary:
    """Best first for "score"; a support size ("4", "n=500") sorts by the mean there, a metric by its name; see `COLUMNS`.

    Raises UsageError for a column that no table has.
    """
    if column == "score":
        return summary
    key = COLUMNS.get(column) or _by_metric(summary, column) or _at_shots(summary, column)
    return replace(summary, tables=[replace(table, rows=sorted(table.rows, key=_last(key))) for table in summary.tables])


def _by_metric(summary: Summary, column: str) -> Callable[[Row], float | None] | None:
    """Most first; None if no table has such a metric."""
    if column not in _metrics(summary):
        return None

    def mean(row: Row) -> float | None:
        found = row.metrics.get(column)
        return None if found is None else -found

    return mean


def _metrics(summary: Summary) -> list[str]:
    return list(dict.fromkeys(metric for table in summary.tables for metric in table.scores.metrics))


def _at_shots(summary: Summary, column: str) -> Callable[[Row], float | None]:
    known = {str(sizes.typed(shots)): shots for shots in sorted({shots for table in summary.tables for shots in table.shots})}
    if column not in known:
        columns = ", ".join(["score", *known, *COLUMNS, *_metrics(summary)])
        raise UsageError(f"--sort {column}: no such column: take one of {columns}")
    shots = known[column]

    def mean(row: Row) -> float | None:
        found = row.scores.get(shots) or row.partial.get(shots)
        return None if found is None else -found.mean

    return mean


def _last(key: Callable[[Row], float | str | None]) -> Callable[[Row], tuple[bool, float | str]]:
    """Rows without the figure after all others, in the order that they had."""

    def whole(row: Row) -> tuple[bool, float | str]:
        value = key(row)
        return (value is None, "" if value is None else value)

    return whole
