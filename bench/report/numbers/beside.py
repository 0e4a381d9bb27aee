"""Published figures beside ours: only where backbone, split and shots agree, as no others compare."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Literal

import msgspec
import pandas as pd

from bench.report.numbers.frame import OK, metric_column
from bench.report.numbers.section import Section
from bench.report.numbers.sizes import BY_COUNT
from bench.report.numbers.statistics import Estimate, estimate
from bench.report.numbers.summary import Beside

FIGURES = Path(__file__).with_name("published.toml")


class Published(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One row of a published table; the file says what the fields mean."""

    labels: tuple[str, ...]
    task: str
    backbone: str
    metric: str
    values: dict[int, float]
    source: str
    chosen: Literal["validation", "test", "nothing", "not said"] = "not said"
    note: str = ""
    board: str = ""  # "": scores on the tasks' own test sets
    by_count: bool = False  # values are by count of examples in all instead of shots


class Library(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    groups: dict[str, tuple[str, ...]]
    published: tuple[Published, ...]


@cache
def library() -> Library:
    """Everything that FIGURES holds."""
    return msgspec.toml.decode(FIGURES.read_bytes(), type=Library, strict=False)


def beside(section: Section, cells: pd.DataFrame) -> list[Beside]:
    """Our means and theirs, in the order of FIGURES. `cells`: the counting records of the section."""
    if section.quick or section.protocol != "fixed":
        return []
    # An origin of the split is only given where it isn't the one that the field compares on.
    ours = cells[(cells["state"] == OK) & (cells["split_origin"].fillna("") == "")]
    theirs = [row for row in library().published if row.backbone == section.backbone and row.board == section.board]
    return [found for row in theirs for found in _agreeing(row, ours)]


def _agreeing(row: Published, cells: pd.DataFrame) -> Iterator[Beside]:
    tasks = library().groups.get(row.task, (row.task,))
    where = row.task if tasks == (row.task,) else f"mean of {len(tasks)} tasks"
    for label in row.labels:
        for size, value in row.values.items():
            shots = BY_COUNT + size if row.by_count else size
            mine = cells[(cells["label"] == label) & (cells["shots"] == shots) & cells["task"].isin(tasks)]
            mean = _mean(mine, tasks, metric_column(row.metric))
            if mean is not None:
                yield Beside(label, where, shots, row.metric, mean, value / 100, row.source, row.chosen, row.note)


def _mean(cells: pd.DataFrame, tasks: tuple[str, ...], column: str) -> Estimate | None:
    """Over the tasks, with its spread over the seeds that all of them have; None if one lacks every seed."""
    if column not in cells or cells["task"].nunique() < len(tasks):
        return None
    scores = cells.pivot(index="task", columns="seed", values=column).dropna(axis="columns")
    return estimate(scores.mean(axis="index").to_numpy()) if scores.size else None
