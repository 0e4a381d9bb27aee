"""A comparison as plain values, ready for JSON: unknown is None."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from bench.compare.changes import Change, ChangedRow
from bench.compare.verdict import Comparison
from bench.report.numbers import sizes
from bench.store.record import CellInfo, Record


def to_builtins(found: Comparison) -> dict[str, Any]:
    """The whole comparison; scores are in points, costs in the units given beside them."""
    pairing = found.pairing
    return {
        "a": str(found.a),
        "b": str(found.b),
        "per": found.level,
        "failed": found.failed,
        "rules": [str(rule) for rule in found.rules],
        "offending": [
            {"rule": str(offence.rule), "figure": offence.figure, **_place(offence.row), **_change(offence.change)}
            for offence in found.offences
        ],
        "lost_scores": [
            {**_cell(pair.b.cell), "status": pair.b.status, "error": error_line(pair.b), "offends": found.lost_offends}
            for pair in found.lost
        ],
        "rows": [
            {**_place(row), "changes": {name: _change(change) for name, change in row.changes.items()}} for row in found.rows
        ],
        "compared_cells": sum(pair.scored for pair in pairing.pairs),
        "gained_scores": [_cell(pair.b.cell) for pair in pairing.pairs if pair.gained],
        "score_in_neither": sum(not (pair.scored or pair.lost or pair.gained) for pair in pairing.pairs),
        "not_comparable": [{**_cell(strangers.b.cell), "reason": strangers.reason} for strangers in pairing.strangers],
        "only_in_a": [_cell(record.cell) for record in pairing.only_a],
        "only_in_b": [_cell(record.cell) for record in pairing.only_b],
        "devices": {"a": found.devices[0], "b": found.devices[1]},
        "passed_over": found.problems,
    }


def error_line(record: Record) -> str | None:
    """What a record without a score says about why; not escaped."""
    return None if record.error is None else f"{record.error.type}: {record.error.message}"


def _place(row: ChangedRow) -> dict[str, Any]:
    shots = None if row.shots is None else sizes.typed(row.shots)
    return {**asdict(row.section), "label": row.label, "task": row.task, "shots": shots, "seed": row.seed}


def _change(change: Change) -> dict[str, Any]:
    return {**asdict(change), "change": change.change, "percent": change.percent}


def _cell(cell: CellInfo) -> dict[str, Any]:
    names = ("label", "task", "task_version", "kind", "shots", "seed", "protocol", "recipe", "precision", "quick", "backbone")
    return {name: getattr(cell, name) for name in names} | {"shots": sizes.typed(sizes.number(cell))}
