"""The leaderboard as Markdown: plain functions, each giving lines. Everything from records goes through `markdown`."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence

import pandas as pd

from bench.report.numbers import sizes
from bench.report.numbers.frame import FAILED, NOT_APPLICABLE, OK
from bench.report.numbers.section import SECTION, Section
from bench.report.numbers.summary import Joint, Row, Summary, Table
from bench.report.text import display
from bench.report.text.columns import columns
from bench.report.text.published import HEADER, HOW, NUMBERS, published_rows
from bench.report.text.reading import HOW_JOINT, how_to_read
from bench.text import markdown, markdown_figure

LISTED = 200  # rows of failures shown per table of them; all of them are in cells.csv
MESSAGE_LENGTH = 300  # characters


def leaderboard(summary: Summary, plots: Mapping[Section, Mapping[str, str]]) -> str:
    """The whole page. `plots`: section -> title -> path of an image, relative to the page."""
    lines = ["# Leaderboard", "", *_introduction(summary)]
    for table in summary.tables:
        lines += [f"## {markdown(table.section.title)}", "", f"Backbone fingerprint {markdown(table.section.fingerprint)}.", ""]
        lines += [*main_table(table), "", *_bullets([*how_to_read(table), *table.notes]), ""]
        if table.published:
            rows = [
                [(markdown_figure if name in NUMBERS else markdown)(text) for name, text in zip(HEADER, row, strict=True)]
                for row in published_rows(table.published)
            ]
            lines += ["### Published figures beside ours", "", *_grid(HEADER, rows), "", *_bullets([HOW]), ""]
        lines += ["### By task", "", *by_task(table), ""]
        lines += _images(plots.get(table.section, {}))
    for joint in summary.joint:
        lines += [f"## {markdown(joint.section.title)}", "", *joint_table(joint), ""]
        lines += [*_bullets([*HOW_JOINT, *joint.notes]), "", *_images(plots.get(joint.section, {}))]
    lines += _reasons("Failures", summary.failures, with_error=True)
    lines += _reasons("Not applicable", summary.not_applicable, with_error=False)
    return "\n".join(lines).rstrip() + "\n"


def _images(plots: Mapping[str, str]) -> list[str]:
    return [line for title, path in plots.items() for line in (f"![{markdown(title)}]({path})", "")]


def _introduction(summary: Summary) -> list[str]:
    counts = summary.frame[summary.frame["counts"]]["state"].value_counts()
    if not summary.tables:
        return ["There are no records yet.", ""]
    ok, failed, not_applicable = (counts.get(state, 0) for state in (OK, FAILED, NOT_APPLICABLE))
    return [
        f"{ok} cells finished, {failed} failed, {not_applicable} not applicable. "
        "This page is made from the records and can be made again; every cell is a row of [cells.csv](cells.csv).",
        "",
    ]


def main_table(table: Table) -> list[str]:
    """One row per method, best first."""
    shown = columns(table)
    rows = [[_method(row), *(markdown_figure(column.text(row)) for column in shown)] for row in table.rows]
    return _grid(["method", *(markdown(column.title) for column in shown)], rows)


def short_table(table: Table, rows: int, further: Sequence[str]) -> list[str]:
    """The best rows and the baselines, with the shots and some columns by their titles."""
    shots = [sizes.title(count) for count in table.shots]
    shown = [column for column in columns(table) if column.title in (*shots, *further)]
    best = [row for row in table.rows if not row.baseline][:rows]
    wanted = [row for row in table.rows if row in best or row.baseline]
    lines = [[_method(row), *(markdown_figure(column.text(row)) for column in shown)] for row in wanted]
    return _grid(["method", *(markdown(column.title) for column in shown)], lines)


def _method(row: Row) -> str:
    return markdown(row.label) + (" (baseline)" if row.baseline else "")


def joint_table(joint: Joint) -> list[str]:
    """Mean ranks over the tasks of all kinds."""
    header = ["method", *(f"mean rank, {sizes.title(ranking.shots)}" for ranking in joint.rankings)]
    rows = [[markdown(label), *("" if rank is None else f"{rank:.2f}" for rank in ranks)] for label, ranks in joint.rows]
    return _grid(header, rows)


def by_task(table: Table) -> list[str]:
    """One row per task and method; baselines repeat their one score at every shot count."""
    header = ["task", "method", *(sizes.title(shots) for shots in table.shots)]
    rows = []
    for task in table.tasks:
        for row in table.rows:
            scores = row.tasks.get(task, {})
            shown = [display.task_score(scores.get(shots)) for shots in table.shots]
            mark = " (same at all shots)" if row.baseline else ""
            rows.append([markdown(task), markdown(row.label) + mark, *shown])
    return _grid(header, rows)


def _reasons(title: str, reasons: pd.DataFrame, *, with_error: bool) -> list[str]:
    """Failed or not applicable cells, equal reasons in one row."""
    if reasons.empty:
        return []
    lines = [f"## {title}", ""]
    for key, found in reasons.groupby(SECTION, sort=True):
        section = Section.of(key)
        rows = [_reason(row, with_error) for row in found.head(LISTED).to_dict("records")]
        header = (
            ["method", "task", "status", "phase", "type", "message", "cells"]
            if with_error
            else ["method", "task", "reason", "cells"]
        )
        lines += [f"### {title}: {markdown(section.title)}", "", *_grid(header, rows), ""]
        if len(found) > LISTED:
            lines += [f"{len(found) - LISTED} more: see [cells.csv](cells.csv).", ""]
    return lines


def _reason(row: Mapping[Hashable, object], with_error: bool) -> list[str]:
    columns = ["label", "task", *(["status", "error_phase", "error_type"] if with_error else []), "error_message"]
    return [*(markdown(str(row[column]), MESSAGE_LENGTH) for column in columns), markdown(str(row["which"]), MESSAGE_LENGTH)]


def _grid(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A Markdown table of cells that are already escaped."""
    return [_line(header), _line(["---"] * len(header)), *(_line(row) for row in rows)]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _bullets(sentences: Iterable[str]) -> list[str]:
    return [f"- {markdown(sentence)}" for sentence in sentences]
