"""What a report says, before anything is formatted. Scores are 0..1, gains are differences of scores."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import pandas as pd

from bench.report.numbers.levels import Levels
from bench.report.numbers.ranking import Ranking
from bench.report.numbers.scores import Scores
from bench.report.numbers.section import Section
from bench.report.numbers.statistics import Estimate


@dataclass(frozen=True)
class TaskScore:
    """One method on one task at one shot count: the estimate over the seeds that gave a score, and the cells behind it."""

    estimate: Estimate | None
    ok: int = 0
    failed: int = 0
    missing: int = 0
    not_applicable: int = 0

    @property
    def asked(self) -> int:
        return self.ok + self.failed + self.missing + self.not_applicable


@dataclass(frozen=True)
class Costs:
    """What a cell costs alone. Means are None where a cell is missing or where figures of two sources would mix."""

    trainable_range: tuple[int, int] | None = None
    trainable: float | None = None  # mean
    share_range: tuple[float, float] | None = None  # of the whole model, 0..1
    seconds: float | None = None  # mean of bank, fit and predict together
    joules_measured: float | None = None  # mean
    joules_estimated: float | None = None  # mean
    memory_bytes: float | None = None  # the largest peak
    stored_range: tuple[int, int] | None = None  # bytes of what a cell would have to keep


@dataclass(frozen=True)
class Row:
    """One method in one table. Whatever is taken over all tasks is None unless every cell behind it gave a score."""

    label: str
    method: str
    family: str
    baseline: bool  # uses no support: one figure that holds at all shot counts
    scores: dict[int, Estimate | None]  # by shots, over tasks
    tasks: dict[str, dict[int, TaskScore]]  # by task, then shots
    rank: float | None  # mean over tasks, 1 is best
    gain: float | None  # over the reference, over the table's gain_tasks
    behind: float | None  # from the row with the best mean
    behind_p: float | None  # corrected for the number of rows compared
    costs: Costs
    task_costs: dict[tuple[str, int], Costs]  # by task and shots
    missing: int
    failed: int
    not_applicable: int
    against_reference: tuple[int, int, int] | None = None  # tasks won, tied, lost, where both have a score
    against_best: tuple[int, int, int] | None = None  # likewise against the row with the best mean
    partial: dict[int, Estimate] = field(default_factory=dict)  # by shots, where seeds are missing: over those that there are
    # The 95% interval of each mean by a stratified bootstrap, where there is enough to draw from.
    bootstrap: dict[int, tuple[float, float]] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)  # further ones, means over tasks and seeds at the largest shot count
    sees: str = ""  # what the method uses beyond its support; "": not told
    pareto: tuple[str, ...] = ()  # "parameters", "seconds": no other row is both as cheap and as good, and better in one

    @property
    def suits(self) -> bool:
        """Whether the method can be run on any of these tasks."""
        return any(found.asked > found.not_applicable for by_shots in self.tasks.values() for found in by_shots.values())


@dataclass(frozen=True)
class Beside:
    """A published figure and ours, of the same backbone, split and shots."""

    label: str
    where: str  # a task, or "mean of 11 tasks"
    shots: int
    metric: str
    ours: Estimate
    theirs: float
    source: str
    chosen: str  # on what its authors chose: "validation", "test", "nothing", "not said"
    note: str


@dataclass(frozen=True)
class Table:
    section: Section
    scores: Scores = field(repr=False)
    rows: list[Row]  # best first, those without a mean last
    notes: list[str]  # plain text
    published: list[Beside]
    cells: pd.DataFrame = field(repr=False)  # the counting records

    @cached_property
    def levels(self) -> Levels:
        return Levels.of(self.cells)

    @property
    def shots(self) -> tuple[int, ...]:
        return self.scores.layout.shots

    @property
    def largest(self) -> int:
        return self.scores.layout.largest

    @property
    def tasks(self) -> tuple[str, ...]:
        return self.scores.layout.tasks

    @property
    def rankings(self) -> tuple[Ranking, ...]:
        """By shots, those that have enough tasks."""
        return tuple(found for found in self.scores.rankings.values() if isinstance(found, Ranking))


@dataclass(frozen=True)
class Joint:
    """Methods ranked over the tasks of all kinds together: ranks need no common unit."""

    section: Section  # its kind is "all kinds"
    rankings: tuple[Ranking, ...]  # by shots
    notes: list[str]  # plain text

    @property
    def rows(self) -> list[tuple[str, list[float | None]]]:
        """Label and mean rank at each shot count, best at the largest first."""
        labels = dict.fromkeys(label for ranking in reversed(self.rankings) for label in ranking.ranks)
        return [(label, [ranking.ranks.get(label) for ranking in self.rankings]) for label in labels]


@dataclass(frozen=True)
class Summary:
    tables: list[Table]
    failures: pd.DataFrame = field(repr=False)  # grouped: equal failures of several seeds are one row
    not_applicable: pd.DataFrame = field(repr=False)  # grouped likewise
    frame: pd.DataFrame = field(repr=False)  # every record given, with `counts`
    joint: list[Joint] = field(default_factory=list)
