"""The leaderboard as Markdown: plain functions, each giving lines. Everything from records goes through `markdown`."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence

import pandas as pd

from bench.report import display, sizes
from bench.report.escape import markdown
from bench.report.frame import FAILED, NOT_APPLICABLE, OK, SECTION
from bench.report.statistics import CONFIDENCE, smallest_p
from bench.report.summary import HEADLINE_NAMES, Row, Section, Summary, Table

LISTED = 200  # rows of failures shown per table of them; all of them are in cells.csv
MESSAGE_LENGTH = 300  # characters


def leaderboard(summary: Summary, plots: Mapping[Section, Mapping[str, str]]) -> str:
    """The whole page. `plots`: section -> title -> path of an image, relative to the page."""
    lines = ["# Leaderboard", "", *_introduction(summary)]
    for table in summary.tables:
        lines += [f"## {markdown(table.section.title)}", "", f"Backbone fingerprint {markdown(table.section.fingerprint)}.", ""]
        lines += [*main_table(table), "", *_bullets(how_to_read(table)), *_bullets(markdown(note) for note in table.notes), ""]
        lines += ["### By task", "", *by_task(table), ""]
        for title, path in plots.get(table.section, {}).items():
            lines += [f"![{markdown(title)}]({path})", ""]
    lines += _reasons("Failures", summary.failures, with_error=True)
    lines += _reasons("Not applicable", summary.not_applicable, with_error=False)
    return "\n".join(lines).rstrip() + "\n"


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
    header = [
        "method",
        *map(sizes.title, table.shots),
        "mean rank",
        "gain",
        "behind best",
        "p",
        "against reference",
        "against best",
        "Pareto",
    ]
    header += [
        "trained parameters",
        "share",
        "stored KiB",
        "seconds",
        "joules, measured",
        "joules, estimated",
        "peak MiB",
        "gaps",
    ]
    return _grid(
        header, [[markdown(row.label) + (" (baseline)" if row.baseline else ""), *_figures(table, row)] for row in table.rows]
    )


def _figures(table: Table, row: Row) -> list[str]:
    costs = row.costs
    return [
        *(display.score(row.scores[shots]) for shots in table.shots),
        "" if row.rank is None else f"{row.rank:.2f}",
        display.points(row.gain),
        "" if row.behind is None else f"{100 * row.behind:.1f}",
        display.p_value(row.behind_p),
        display.win_tie_loss(row.against_reference),
        display.win_tie_loss(row.against_best),
        ", ".join(row.pareto),
        display.whole_range(costs.trainable_range),
        display.share_range(costs.share_range),
        display.kibibytes_range(costs.stored_range),
        display.significant(costs.seconds),
        display.significant(costs.joules_measured),
        # A lone tilde is literal in Markdown, two of them in one paragraph may strike out what is between.
        display.estimated(costs.joules_estimated).replace("~", r"\~"),
        display.mebibytes(costs.memory_bytes),
        display.gaps(row),
    ]


def how_to_read(table: Table) -> list[str]:
    """Our own words, written as Markdown."""
    largest = sizes.title(table.largest)
    return [
        f"Scores are {HEADLINE_NAMES[table.section.kind]}: mean over tasks ± half the 95% Student-t interval over seeds. "
        f"Rank (mean over tasks, among {table.ranked} methods without gaps), gain, and costs are at {largest}.",
        "A method that lacks a cell shows no mean, rank or cost: it would be one over other cells than its rivals'. "
        "A cell is missing if another method of this table has it.",
        "Seconds, joules and peak memory are what a cell costs alone, the frozen work included: means per cell, "
        r"for memory the largest. Estimated joules (\~) do not compare with measured ones.",
        "Against reference, against best: tasks won / tied / lost against the baseline of the gains, against the best row.",
        "Pareto: no other method of the table trains as few parameters (takes as few seconds) and scores as much, "
        "and is better in one of the two.",
        "p: Wilcoxon's signed-rank test of the difference from the best row, paired over tasks on the same episodes, "
        f"Holm-corrected. {_smallest(table)}",
    ]


def _smallest(table: Table) -> str:
    compared = max(1, sum(row.behind is not None for row in table.rows))
    tasks = len(table.task_gains)
    smallest = smallest_p(tasks, compared)
    what = f"The smallest p that {tasks} tasks and {compared} comparisons can reach is {display.p_value(smallest)}"
    return f"{what}{'.' if smallest < 1 - CONFIDENCE else ': too few tasks to tell so many methods apart, so there is none.'}"


def by_task(table: Table) -> list[str]:
    """One row per task and method; baselines repeat their one score at every shot count."""
    header = ["task", "method", *map(sizes.title, table.shots)]
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
