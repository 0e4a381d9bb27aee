"""The cells behind the rows, as data for the page's script: ten thousand of them are shown only when asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bench.report.numbers import sizes
from bench.report.numbers.frame import FAILED
from bench.report.numbers.summary import Summary, Table
from bench.report.page.further import FURTHER, further
from bench.report.text import display
from bench.store.record import Record
from bench.text import plain, printable

MESSAGE_LENGTH = 2000  # characters of an error's message
NO_SCORE = "finished without a finite main metric"  # as the summary words it
TRACEBACK_LENGTH = 8000  # characters of a traceback, its end, where the reason stands

# Table, label, task, status, phase, type, message: what cells of one reason share.
Reason = tuple[int, str, str, str, str, str, str]


@dataclass
class CellData:
    """`data` goes into the page as JSON.

    data["tables"][table]["cells"][row] holds, for the rows of a table in their order, one list per cell:
    task, shots, seed, score, seconds, trained parameters, status, error, more. Task, status and error are positions in
    lists of their own (error -1: none), the three figures and `more` (what else was measured) are text as the page shows it.
    """

    data: dict[str, Any]
    reasons: dict[Reason, int] = field(default_factory=dict)  # reason -> position of an error of this reason


def collect(summary: Summary, records: Mapping[str, Record]) -> CellData:
    """The counting cells of all tables. `records`: by record_id; one that is not there has no traceback."""
    found = CellData({"statuses": [], "errors": [], "tables": []})
    known: dict[tuple[str, ...], int] = {}
    statuses: dict[str, int] = {}
    for number, table in enumerate(summary.tables):
        places = {row.label: position for position, row in enumerate(table.rows)}
        tasks = {task: position for position, task in enumerate(table.tasks)}
        cells: list[list[list[object]]] = [[] for _ in table.rows]
        for cell in _rows(table):
            error = _error(cell, records.get(cell["record_id"]))
            position = -1
            if any(error):
                position = known.setdefault(error, len(known))
                found.reasons.setdefault(_reason(number, cell), position)
            status = statuses.setdefault(cell["status"], len(statuses))
            cells[places[cell["label"]]].append(
                [tasks[cell["task"]], sizes.typed(cell["shots"]), cell["seed"], *_figures(cell), status, position, further(cell)]
            )
        found.data["tables"].append({"tasks": [plain(task) for task in table.tasks], "cells": cells})
    found.data["statuses"] = [status.replace("_", " ") for status in statuses]
    found.data["errors"] = [list(error) for error in known]
    return found


def reason_of(table: int, failure: Mapping[Any, Any]) -> Reason:
    """The reason of a row of `Summary.failures` that stands in this table."""
    return _reason(table, failure)


def _rows(table: Table) -> list[dict[str, Any]]:
    columns = ["label", "task", "shots", "seed", "score", "seconds_total", "trainable", "status", "state", "record_id"]
    wanted = [*columns, "error_phase", "error_type", "error_message", *FURTHER]
    cells = table.cells.reindex(columns=wanted).astype("object")
    rows: list[dict[str, Any]] = cells.where(cells.notna(), None).to_dict("records")  # type: ignore[assignment]
    return rows


def _figures(cell: Mapping[str, Any]) -> list[str]:
    trained = cell["trainable"]
    return [
        "" if cell["score"] is None else f"{100 * cell['score']:.1f}",
        display.significant(cell["seconds_total"]),
        "" if trained is None else f"{trained:,}",
    ]


def _error(cell: Mapping[str, Any], record: Record | None) -> tuple[str, str, str, str]:
    """Phase, type, message, traceback; empty strings where nothing went wrong."""
    failure = None if record is None else record.error
    message = plain(cell["error_message"] or "", MESSAGE_LENGTH)
    if cell["state"] == FAILED and cell["status"] == "ok":
        message = message or NO_SCORE
    traceback = printable(failure.traceback) if failure is not None else ""
    if len(traceback) > TRACEBACK_LENGTH:
        traceback = (
            f"… the first {len(traceback) - TRACEBACK_LENGTH:,} characters stand in the record\n{traceback[-TRACEBACK_LENGTH:]}"
        )
    return plain(cell["error_phase"] or ""), plain(cell["error_type"] or ""), message, traceback


def _reason(table: int, given: Mapping[Any, Any]) -> Reason:
    phase, kind, message = (given[f"error_{name}"] or "" for name in ("phase", "type", "message"))
    if given["status"] == "ok" and not message:
        message = NO_SCORE
    return table, given["label"], given["task"], given["status"], phase, kind, message
