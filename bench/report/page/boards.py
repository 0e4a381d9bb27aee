"""The tables of a summary as the template takes them: text and numbers, every text plain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd
from markupsafe import Markup

from bench.report.numbers import sizes
from bench.report.numbers.section import SECTION, Section
from bench.report.numbers.summary import Joint, Row, Summary, Table
from bench.report.page import svg
from bench.report.page.cells import MESSAGE_LENGTH, CellData, reason_of
from bench.report.text.columns import Column, Place, columns, entries, task_entries
from bench.report.text.published import published_rows
from bench.report.text.reading import HOW_JOINT, how_to_read
from bench.text import plain

_WIDE = 620  # points; a wider plot gets a line of its own


@dataclass(frozen=True)
class BoardRow:
    """One row of a table: a method, over all tasks or on one."""

    label: str
    family: str
    baseline: bool
    table: int  # where its cells are: table, row and, for one task, task
    row: int
    task: int | None
    task_name: str
    missing: int
    entries: list[Place]


@dataclass(frozen=True)
class Drawing:
    title: str
    svg: Markup
    wide: bool


@dataclass(frozen=True)
class Board:
    """One table of the summary, ready for the template."""

    number: int
    kind: str
    heading: str
    detail: str
    link: str
    columns: list[Column]
    extras: list[int]  # numbers of the columns that show only when asked for, so that costs stand beside scores
    sorted_by: str  # title of the column that the rows come ordered by
    lines: list[BoardRow]
    shots: list[str]
    task_lines: list[BoardRow]
    tasks: int
    how_to_read: list[str]
    notes: list[str]
    published: list[list[str]]
    plots: list[Drawing]


@dataclass(frozen=True)
class JointBoard:
    """Mean ranks over the tasks of all kinds."""

    number: int
    heading: str
    detail: str
    shots: list[str]
    lines: list[tuple[str, str, list[Place]]]  # label, family, ranks
    notes: list[str]
    plots: list[Drawing]


def make_joint(number: int, joint: Joint, tables: Sequence[Table], plots: Mapping[str, str]) -> JointBoard:
    """`number`: another one than any table has. `tables`: all of the summary's."""
    heading, _, detail = joint.section.title.partition(": ")
    families = {row.label: row.family for table in tables for row in table.rows}
    return JointBoard(
        number=number,
        heading=heading,
        detail=detail,
        shots=[sizes.title(ranking.shots) for ranking in joint.rankings],
        lines=[
            (plain(label), plain(families[label]), [Place("" if rank is None else f"{rank:.2f}", rank) for rank in ranks])
            for label, ranks in joint.rows
        ],
        notes=[*HOW_JOINT, *map(plain, joint.notes)],
        plots=_plots(number, plots),
    )


def make_board(number: int, table: Table, plots: Mapping[str, str], *, alone: bool) -> Board:
    """One table with its plots, title -> SVG text. `alone`: it is the only one of its kind."""
    shown = columns(table)
    heading, _, detail = table.section.title.partition(": ")
    return Board(
        number=number,
        kind=table.section.kind,
        heading=heading,
        detail=detail,
        link=heading if alone else table.section.title,
        columns=shown,
        extras=[number for number, column in enumerate(shown) if column.extra],
        sorted_by=sizes.title(table.largest),
        lines=[_line(number, position, row, entries(row, shown), row.missing) for position, row in enumerate(table.rows)],
        shots=[sizes.title(shots) for shots in table.shots],
        task_lines=_task_lines(number, table),
        tasks=len(table.tasks),
        how_to_read=[plain(line) for line in how_to_read(table)],
        notes=[plain(note) for note in table.notes],
        published=published_rows(table.published),
        plots=_plots(number, plots),
    )


def _line(number: int, position: int, row: Row, found: list[Place], missing: int) -> BoardRow:
    """A row over all tasks."""
    return BoardRow(
        label=plain(row.label),
        family=plain(row.family),
        baseline=row.baseline,
        table=number,
        row=position,
        task=None,
        task_name="",
        missing=missing,
        entries=found,
    )


def _task_lines(number: int, table: Table) -> list[BoardRow]:
    lines = []
    for task_number, task in enumerate(table.tasks):
        for position, row in enumerate(table.rows):
            scores = row.tasks.get(task, {})
            # A baseline's one score stands under every shot count.
            found = list(scores.values())[:1] if row.baseline else list(scores.values())
            missing = sum(score.missing for score in found)
            line = _line(number, position, row, task_entries(row, task, table.shots), missing)
            lines.append(replace(line, task=task_number, task_name=plain(task)))
    return lines


def _plots(number: int, plots: Mapping[str, str]) -> list[Drawing]:
    return [
        Drawing(title, svg.inline(drawing, f"plot{number}-{position}-", title), svg.width(drawing) > _WIDE)
        for position, (title, drawing) in enumerate(plots.items())
    ]


def reasons(summary: Summary, grouped: pd.DataFrame, cells: CellData) -> list[dict[str, Any]]:
    """Failed or not applicable cells, equal reasons in one row that knows where its cells are."""
    if grouped.empty:
        return []
    tables = {table.section: (number, table) for number, table in enumerate(summary.tables)}
    found = []
    for reason in grouped.to_dict("records"):
        number, table = tables[Section.of([reason[name] for name in SECTION])]
        labels = [row.label for row in table.rows]
        position = labels.index(reason["label"])
        found.append(
            {
                "label": plain(reason["label"]),
                "family": plain(table.rows[position].family),
                "kind": table.section.kind,
                "task": plain(reason["task"]),
                "status": plain(reason["status"].replace("_", " ")),
                "phase": plain(reason["error_phase"]),
                "type": plain(reason["error_type"]),
                "message": plain(reason["error_message"], MESSAGE_LENGTH),
                "which": plain(reason["which"]),
                "cells": int(reason["cells"]),
                "table": number,
                "row": position,
                "task_number": table.tasks.index(reason["task"]),
                "error": cells.reasons.get(reason_of(number, reason), -1),
            }
        )
    return found
