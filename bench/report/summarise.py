"""From the frame to a summary: one table per section, and the failures."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd

from bench.kinds import KINDS
from bench.report.numbers import sizes
from bench.report.numbers.beside import beside
from bench.report.numbers.entries import BOARDS
from bench.report.numbers.frame import FAILED, NOT_APPLICABLE, mark_current
from bench.report.numbers.layout import Layout
from bench.report.numbers.method_rows import make_rows
from bench.report.numbers.pareto import marked
from bench.report.numbers.ranking import Ranking, rank_methods
from bench.report.numbers.scores import Scores
from bench.report.numbers.section import SECTION, Section
from bench.report.numbers.summary import Joint, Summary, Table
from bench.report.text.notes import ranking_notes, table_notes

ALL_KINDS = "all kinds"


def summarise(frame: pd.DataFrame) -> Summary:
    """Everything that a report says, from the frame of all records."""
    frame = mark_current(frame)
    counting = frame[frame["counts"]]
    overtaken = frame[~frame["counts"]]
    left_out = dict(list(overtaken.groupby(SECTION)))
    tables = []
    for key, cells in counting.groupby(SECTION, sort=True):
        tables.append(make_table(Section.of(key), cells, left_out.get(key, overtaken.iloc[:0])))
    boards, kinds = ["", *BOARDS], list(KINDS)

    def place(table: Table) -> tuple[object, ...]:
        section = table.section
        return boards.index(section.board), kinds.index(section.kind), section.title, section.fingerprint

    tables.sort(key=place)
    return Summary(
        tables=tables,
        joint=_joint(tables),
        failures=_grouped(counting[counting["state"] == FAILED]),
        not_applicable=_grouped(counting[counting["state"] == NOT_APPLICABLE]),
        frame=frame,
    )


def make_table(section: Section, cells: pd.DataFrame, overtaken: pd.DataFrame) -> Table:
    """One table from its counting records."""
    scores = Scores.of(Layout.of(cells))
    return Table(
        section=section,
        scores=scores,
        rows=marked(make_rows(scores), scores.layout.largest),
        notes=table_notes(section, scores, cells, overtaken),
        published=beside(section, cells),
        cells=cells,
    )


def _joint(tables: list[Table]) -> list[Joint]:
    """Rankings over tables that differ in nothing but their kind."""
    alike: dict[Section, list[Table]] = {}
    for table in tables:
        alike.setdefault(replace(table.section, kind=ALL_KINDS), []).append(table)
    result = []
    for section, found in alike.items():
        shots = sorted(set.intersection(*(set(table.shots) for table in found)))
        ranked = [rank_methods(pd.concat([table.scores.complete[count] for table in found]), count) for count in shots]
        rankings = tuple(ranking for ranking in ranked if isinstance(ranking, Ranking))
        if len(found) > 1 and rankings:
            result.append(Joint(section, rankings, ranking_notes({ranking.shots: ranking for ranking in rankings})))
    return result


def _grouped(cells: pd.DataFrame) -> pd.DataFrame:
    """Equal reasons in one row: label, task, status, error columns, `cells` (how many) and `which` (their shots and seeds)."""
    keys = [*SECTION, "label", "task", "status", "error_phase", "error_type", "error_message"]
    where: dict[tuple[Any, ...], dict[int, list[int]]] = {}
    for *key, shots, seed in cells[[*keys, "shots", "seed"]].itertuples(index=False):
        where.setdefault(_reason(key), {}).setdefault(shots, []).append(seed)
    rows = [(*key, sum(map(len, found.values())), _listed(found)) for key, found in sorted(where.items())]
    return pd.DataFrame(rows, columns=[*keys, "cells", "which"])


def _reason(key: list[Any]) -> tuple[Any, ...]:
    """Nothing is the empty string here. A record that calls itself ok and has no finite score must not vanish silently."""
    *start, status, phase, kind, message = ("" if value is None else value for value in key)
    if status == "ok" and not message:
        message = "finished without a finite main metric"
    return (*start, status, phase, kind, message)


def _listed(found: dict[int, list[int]]) -> str:
    """Shots -> seeds as text."""
    return "; ".join(
        f"shots {sizes.typed(shots)}, seeds {', '.join(map(str, sorted(seeds)))}" for shots, seeds in sorted(found.items())
    )
