"""The columns of a leaderboard, the same in Markdown, LaTeX, the terminal and the page: text, and what a click sorts by."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from bench.kinds.elsewhere import TRANSFER
from bench.report.numbers import sizes
from bench.report.numbers.summary import Row, Table, TaskScore
from bench.report.text import display

Direction = Literal["ascending", "descending"]


_SAME = 5e-5  # less than what a table shows


@dataclass(frozen=True)
class Column:
    title: str
    hint: str
    first: Direction  # the order that the first click gives: best or least first
    text: Callable[[Row], str]
    number: Callable[[Row], float | None]
    brief: Callable[[Row], str] | None = None  # for the terminal, where a line is short
    short: str = ""  # the title there; empty: neither there nor in LaTeX
    pareto: str = ""  # the cost of this name is in the column: rows that are Pareto-optimal in it get a mark
    is_score: bool = False  # of the headline or another metric: the most is the best

    @property
    def extra(self) -> bool:
        """Whether the page shows it only when asked for: what compares rows, and what says again what another column does."""
        return not self.short or self.short in ("bootstrap", "share", "stored KiB")

    @property
    def name(self) -> str:
        """What a command line calls it: without a comma."""
        return self.short or self.title

    def marked(self, row: Row, mark: str, brief: bool = False) -> str:
        text = self.brief(row) if brief and self.brief is not None else self.text(row)
        return text + mark if self.pareto in row.pareto else text


@dataclass(frozen=True)
class Place:
    """One place of a table; `number` is what it is sorted by, None where nothing is known."""

    text: str
    number: float | None


def columns(table: Table) -> list[Column]:
    """Every column in which at least one row has something."""
    every = [*_scores(table), *_further(table), *_comparison(), *_costs(), _gaps()]
    return [column for column in every if any(column.text(row) for row in table.rows)]


def entries(row: Row, shown: list[Column]) -> list[Place]:
    return [Place(column.text(row), column.number(row)) for column in shown]


def task_entries(row: Row, task: str, shots: tuple[int, ...]) -> list[Place]:
    """One row of the table by task: a score for each shot count."""
    scores = row.tasks.get(task, {})
    return [Place(display.task_score(scores.get(count)), _mean(scores.get(count))) for count in shots]


def _mean(found: TaskScore | None) -> float | None:
    return None if found is None or found.estimate is None else found.estimate.mean


def _scores(table: Table) -> list[Column]:
    hint = "seeds drawn anew within each task: 95% interval of the mean by a stratified bootstrap"
    bootstrap = Column(
        f"{sizes.title(table.largest)}, bootstrap", hint, "descending",
        lambda row: display.interval(row.bootstrap.get(table.largest)),
        lambda row: row.bootstrap[table.largest][0] if table.largest in row.bootstrap else None,
        lambda row: display.interval(row.bootstrap.get(table.largest)).strip("[]").replace(", ", "\N{EN DASH}"), "bootstrap",
    )  # fmt: skip
    return [*(_shots(shots, len(table.scores.layout.seeds_at(shots))) for shots in table.shots), bootstrap]


def _shots(shots: int, seeds: int) -> Column:
    def number(row: Row) -> float | None:
        estimate = row.scores[shots] or row.partial.get(shots)
        return None if estimate is None else estimate.mean

    name, hint = sizes.title(shots), "mean over tasks, ± half the 95% interval over seeds"
    return Column(name, hint, "descending", lambda row: display.row_score(row, shots, seeds), number, short=name, is_score=True)


def _further(table: Table) -> list[Column]:
    """Other metrics than the headline, at the largest shot count."""
    titles = table.section.metrics

    def column(metric: str) -> Column:
        other = f"zero-shot {metric.removeprefix(TRANSFER)}"
        hint = "mean over tasks and seeds" if metric in titles else "zero-shot accuracy on another task, mean over seeds"
        title = titles.get(metric, other)
        return Column(
            title, f"{hint}, {sizes.title(table.largest)}", "descending",
            lambda row: display.percent(row.metrics.get(metric)), lambda row: row.metrics.get(metric), short=title, is_score=True,
        )  # fmt: skip

    found = table.scores.metrics
    return [column(metric) for metric in found if not _says_the_same(table, found[metric])]


def _says_the_same(table: Table, metric: Mapping[str, float]) -> bool:
    """Whether a metric is the score itself in every row, as the mean over classes is where test sets are balanced."""
    scores = {row.label: found.mean for row in table.rows if (found := row.scores[table.largest]) is not None}
    return all(abs(value - scores[label]) < _SAME for label, value in metric.items() if label in scores)


def _comparison() -> list[Column]:
    def rank(row: Row) -> str:
        return "" if row.rank is None else f"{row.rank:.2f}"

    def behind(row: Row) -> str:
        return "" if row.behind is None else f"{100 * row.behind:.1f}"

    return [
        Column(
            "mean rank", "mean over tasks, 1 is best", "ascending", rank, lambda row: row.rank, short="rank",
        ),
        Column(
            "gain", "over the baseline, in points", "descending",
            lambda row: display.points(row.gain), lambda row: row.gain, short="gain",
        ),
        Column("behind best", "points behind the best mean", "ascending", behind, lambda row: row.behind),
        Column(
            "p", "of the difference from the best, Wilcoxon, Holm-corrected", "ascending",
            lambda row: display.p_value(row.behind_p), lambda row: row.behind_p,
        ),
        Column(
            "against baseline", "tasks won / tied / lost against the baseline", "descending",
            lambda row: display.win_tie_loss(row.against_reference),
            lambda row: None if row.against_reference is None else row.against_reference[0],
        ),
        Column(
            "against best", "tasks won / tied / lost against the best row", "descending",
            lambda row: display.win_tie_loss(row.against_best),
            lambda row: None if row.against_best is None else row.against_best[0],
        ),
        Column(
            "Pareto", "nothing else is both as cheap in this and as good", "descending",
            lambda row: ", ".join(row.pareto), lambda row: len(row.pareto) or None,
        ),
    ]  # fmt: skip


def _costs() -> list[Column]:
    return [
        Column(
            "trained parameters", "fewest and most over the tasks", "ascending",
            lambda row: display.whole_range(row.costs.trainable_range), lambda row: _low(row.costs.trainable_range),
            lambda row: display.brief_range(row.costs.trainable_range), "trained", "parameters",
        ),
        Column(
            "sees", "beyond its support", "ascending",
            lambda row: row.sees, lambda row: len(row.sees.split(",")) if row.sees else None,
        ),
        Column(
            "share", "of the whole model's parameters", "ascending",
            lambda row: display.share_range(row.costs.share_range), lambda row: _low(row.costs.share_range),
            lambda row: display.share_range(row.costs.share_range, "\N{EN DASH}"), "share",
        ),
        Column(
            "stored KiB", "what must be kept of a cell to score with it again", "ascending",
            lambda row: display.kibibytes_range(row.costs.stored_range), lambda row: _low(row.costs.stored_range),
            lambda row: display.kibibytes_range(row.costs.stored_range, "\N{EN DASH}"), "stored KiB",
        ),
        Column(
            "seconds", "of one cell alone, frozen work included", "ascending",
            lambda row: display.significant(row.costs.seconds), lambda row: row.costs.seconds, None, "seconds", "seconds",
        ),
        Column(
            "joules, measured", "of one cell alone, frozen work included", "ascending",
            lambda row: display.significant(row.costs.joules_measured), lambda row: row.costs.joules_measured, short="joules",
        ),
        Column(
            "joules, estimated", "from CPU seconds: never compare them with measured ones", "ascending",
            lambda row: display.estimated(row.costs.joules_estimated), lambda row: row.costs.joules_estimated, short="~joules",
        ),
        Column(
            "peak MiB", "the largest of all cells, above the baseline at a cell's start", "ascending",
            lambda row: display.mebibytes(row.costs.memory_bytes), lambda row: row.costs.memory_bytes, short="peak MiB",
        ),
    ]  # fmt: skip


def _low(values: tuple[float, float] | None) -> float | None:
    return None if values is None else values[0]


def _gaps() -> Column:
    def number(row: Row) -> float:
        return row.missing + row.failed + row.not_applicable

    return Column("gaps", "cells without a score", "descending", display.gaps, number, short="gaps")
