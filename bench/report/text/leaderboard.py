"""The leaderboard as Markdown: plain functions, each giving lines. Everything from records goes through `markdown`."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence

import pandas as pd

from bench.report.numbers import sizes
from bench.report.numbers.bootstrap import RESAMPLES
from bench.report.numbers.frame import FAILED, NOT_APPLICABLE, OK, SECTION
from bench.report.numbers.statistics import CONFIDENCE, smallest_p
from bench.report.numbers.summary import HEADLINE_NAMES, Joint, Row, Section, Summary, Table
from bench.report.text import display
from bench.report.text.columns import columns
from bench.report.text.published import HEADER, HOW, published_rows
from bench.text import markdown

LISTED = 200  # rows of failures shown per table of them; all of them are in cells.csv
MESSAGE_LENGTH = 300  # characters
HOW_JOINT = (
    "Mean ranks over the tasks of all kinds together, each task counting once: a rank needs no common unit.",
    "Only methods with a score on every one of these tasks are ranked, and among themselves.",
)


def leaderboard(summary: Summary, plots: Mapping[Section, Mapping[str, str]]) -> str:
    """The whole page. `plots`: section -> title -> path of an image, relative to the page."""
    lines = ["# Leaderboard", "", *_introduction(summary)]
    for table in summary.tables:
        lines += [f"## {markdown(table.section.title)}", "", f"Backbone fingerprint {markdown(table.section.fingerprint)}.", ""]
        lines += [*main_table(table), "", *_bullets(how_to_read(table)), *_bullets(markdown(note) for note in table.notes), ""]
        if table.published:
            # Figures need no escaping, which would see the start of a numbered list in "69.87".
            rows = [[*map(markdown, row[:4]), *row[4:7], markdown(row[7])] for row in published_rows(table.published)]
            lines += ["### Published figures beside ours", "", *_grid(HEADER, rows), "", f"- {HOW}", ""]
        lines += ["### By task", "", *by_task(table), ""]
        lines += _images(plots.get(table.section, {}))
    for joint in summary.joint:
        lines += [f"## {markdown(joint.section.title)}", "", *joint_table(joint), ""]
        lines += [*_bullets(markdown(note) for note in (*HOW_JOINT, *joint.notes)), "", *_images(plots.get(joint.section, {}))]
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
    rows = [
        # A lone tilde is literal in Markdown, two of them in one paragraph may strike out what is between.
        [_method(row), *(column.text(row).replace("~", r"\~") for column in shown)]
        for row in table.rows
    ]
    return _grid(["method", *(column.title for column in shown)], rows)


def _method(row: Row) -> str:
    return markdown(row.label) + (" (baseline)" if row.baseline else "")


def joint_table(joint: Joint) -> list[str]:
    """Mean ranks over the tasks of all kinds."""
    header = ["method", *(f"mean rank, {sizes.title(ranking.shots)}" for ranking in joint.rankings)]
    rows = [[markdown(label), *("" if rank is None else f"{rank:.2f}" for rank in ranks)] for label, ranks in joint.rows]
    return _grid(header, rows)


def how_to_read(table: Table) -> list[str]:
    """Our own words, written as Markdown."""
    largest = sizes.title(table.largest)
    return [
        f"Scores are {HEADLINE_NAMES[table.section.kind]}: mean over tasks ± half the 95% Student-t interval over seeds. "
        f"Rank (mean over tasks, among {table.ranked} methods without gaps), gain, and costs are at {largest}.",
        *_intervals(table),
        "A method that lacks a cell shows no mean, rank or cost: it would be one over other cells than its rivals'. "
        "A cell is missing if another method of this table has it.",
        "Seconds, joules and peak memory are what a cell costs alone, the frozen work included: means per cell, "
        r"for memory the largest. Estimated joules (\~) do not compare with measured ones.",
        "Against baseline, against best: tasks won / tied / lost against the baseline of the gains, against the best row.",
        "Pareto: no other method of the table trains as few parameters (takes as few seconds) and scores as much, "
        "and is better in one of the two.",
        "p: Wilcoxon's signed-rank test of the difference from the best row, paired over tasks on the same episodes, "
        f"Holm-corrected. {_smallest(table)}",
    ]


def _intervals(table: Table) -> list[str]:
    if not any(table.largest in row.bootstrap for row in table.rows):
        return []
    return [
        f"Bootstrap: the 95% interval of the same mean when each task's seeds are drawn anew ({RESAMPLES:,} times, stratified "
        "by task, widened for few seeds). It takes the seeds of two tasks for independent: true of supports, not of a random "
        "start that the seed alone decides. The ± takes a seed's mean over all tasks as one draw and needs no such thing: where "
        "it is several times as wide as the bracket, believe the ±; elsewhere the bracket is the sharper of two right intervals."
    ]


def _smallest(table: Table) -> str:
    compared = max(1, sum(row.behind is not None for row in table.rows))
    tasks = len(table.task_gains)
    smallest = smallest_p(tasks, compared)
    what = f"The smallest p that {tasks} tasks and {compared} comparisons can reach is {display.p_value(smallest)}"
    return f"{what}{'.' if smallest < 1 - CONFIDENCE else ': too few tasks to tell so many methods apart, so there is none.'}"


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


def _bullets(lines: Iterable[str]) -> list[str]:
    return [f"- {line}" for line in lines]
