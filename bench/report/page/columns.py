"""The columns of a table on the page: what is shown, and what a click on the header sorts by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from bench.report import display, sizes
from bench.report.summary import Row, Table, TaskScore

Direction = Literal["ascending", "descending"]


@dataclass(frozen=True)
class Column:
    title: str
    hint: str
    first: Direction  # the order that the first click gives: best or least first
    text: Callable[[Row], str]
    number: Callable[[Row], float | None]


@dataclass(frozen=True)
class Figure:
    """One place of a table; `number` is what it is sorted by, None where nothing is known."""

    text: str
    number: float | None


def shots_title(shots: int) -> str:
    """A header that stays on one line."""
    return sizes.title(shots).replace(" ", "\N{NO-BREAK SPACE}")


def columns(table: Table) -> list[Column]:
    """Every column in which at least one row has something, in the order of the leaderboard."""
    return [column for column in _all(table) if any(column.text(row) for row in table.rows)]


def figures(row: Row, shown: list[Column]) -> list[Figure]:
    return [Figure(column.text(row), column.number(row)) for column in shown]


def task_figures(row: Row, task: str, shots: tuple[int, ...]) -> list[Figure]:
    """One row of the table by task: a score for each shot count."""
    scores = row.tasks.get(task, {})
    return [Figure(display.task_score(scores.get(count)), _mean(scores.get(count))) for count in shots]


def _mean(found: TaskScore | None) -> float | None:
    return None if found is None or found.estimate is None else found.estimate.mean


def _all(table: Table) -> list[Column]:
    return [*(_shots(shots) for shots in table.shots), *_comparison(), *_costs(), _gaps()]


def _shots(shots: int) -> Column:
    def number(row: Row) -> float | None:
        estimate = row.scores[shots]
        return None if estimate is None else estimate.mean

    hint = "mean over tasks, ± half the 95% interval over seeds"
    return Column(shots_title(shots), hint, "descending", lambda row: display.score(row.scores[shots]), number)


def _comparison() -> list[Column]:
    def rank(row: Row) -> str:
        return "" if row.rank is None else f"{row.rank:.2f}"

    def behind(row: Row) -> str:
        return "" if row.behind is None else f"{100 * row.behind:.1f}"

    return [
        Column("mean rank", "mean over tasks, 1 is best", "ascending", rank, lambda row: row.rank),
        Column("gain", "over the baseline, in points", "descending", lambda row: display.points(row.gain), lambda row: row.gain),
        Column("behind best", "points behind the best mean", "ascending", behind, lambda row: row.behind),
        Column(
            "p", "of the difference from the best, Wilcoxon, Holm-corrected", "ascending",
            lambda row: display.p_value(row.behind_p), lambda row: row.behind_p,
        ),
        Column(
            "won, tied, lost", "tasks, against the baseline", "descending",
            lambda row: display.win_tie_loss(row.against_reference),
            lambda row: None if row.against_reference is None else row.against_reference[0],
        ),
        Column(
            "Pareto", "nothing else is both as cheap in this and as good", "descending",
            lambda row: ", ".join(row.pareto), lambda row: len(row.pareto) or None,
        ),
    ]  # fmt: skip


def _costs() -> list[Column]:
    def trained(row: Row) -> float | None:
        return None if row.costs.trainable_range is None else row.costs.trainable_range[0]

    def share(row: Row) -> float | None:
        return None if row.costs.share_range is None else row.costs.share_range[0]

    def stored(row: Row) -> float | None:
        return None if row.costs.stored_range is None else row.costs.stored_range[0]

    return [
        Column(
            "trained parameters", "fewest and most over the tasks", "ascending",
            lambda row: display.whole_range(row.costs.trainable_range), trained,
        ),
        Column(
            "share", "of the whole model's parameters", "ascending",
            lambda row: display.share_range(row.costs.share_range), share,
        ),
        Column(
            "stored KiB", "what must be kept of a cell to score with it again", "ascending",
            lambda row: display.kibibytes_range(row.costs.stored_range), stored,
        ),
        Column(
            "seconds", "of one cell alone, frozen work included", "ascending",
            lambda row: display.significant(row.costs.seconds), lambda row: row.costs.seconds,
        ),
        Column(
            "joules, measured", "of one cell alone, frozen work included", "ascending",
            lambda row: display.significant(row.costs.joules_measured), lambda row: row.costs.joules_measured,
        ),
        Column(
            "joules, estimated", "from CPU seconds: never compare them with measured ones", "ascending",
            lambda row: display.estimated(row.costs.joules_estimated), lambda row: row.costs.joules_estimated,
        ),
        Column(
            "peak MiB", "the largest of all cells, above the baseline at a cell's start", "ascending",
            lambda row: display.mebibytes(row.costs.memory_bytes), lambda row: row.costs.memory_bytes,
        ),
    ]  # fmt: skip


def _gaps() -> Column:
    def number(row: Row) -> float:
        return row.missing + row.failed + row.not_applicable

    return Column("gaps", "cells without a score", "descending", display.gaps, number)
