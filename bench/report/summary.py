"""What a report says, before anything is formatted. Scores are 0..1, gains are differences of scores."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from bench.report.escape import plain
from bench.report.statistics import Estimate

HEADLINE_NAMES = {
    "classification": "accuracy (%)",
    "pair": "accuracy (%)",
    "retrieval": "mean recall at 1 (%)",
}


@dataclass(frozen=True)
class Section:
    """What all records of a table share: nothing that differs in one of these is compared."""

    kind: str
    backbone: str
    fingerprint: str
    protocol: str
    recipe: str
    precision: str
    quick: bool

    @classmethod
    def of(cls, key: Any) -> Section:
        """From the key of a group of `SECTION` columns."""
        return replace(cls(*key), quick=bool(key[-1]))  # older pandas gives numpy's

    @property
    def title(self) -> str:
        """One plain line; not escaped."""
        parts = [self.backbone, f"protocol {self.protocol}", f"{self.recipe} recipe", self.precision]
        return plain(f"{self.kind.capitalize()}: {', '.join(parts)}{', quick run' if self.quick else ''}")

    @property
    def random_backbone(self) -> bool:
        return self.backbone.endswith("/random")


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
    pareto: tuple[str, ...] = ()  # "parameters", "seconds": no other row is both as cheap and as good, and better in one


@dataclass(frozen=True)
class Table:
    section: Section
    shots: tuple[int, ...]
    tasks: tuple[str, ...]
    rows: list[Row]  # best first, those without a mean last
    reference: str | None  # label of the baseline that gains are taken over
    gain_tasks: tuple[str, ...]  # the tasks on which the reference has a score
    task_gains: pd.DataFrame  # [tasks, labels], at the largest shot count, missing where either has no complete score
    ranked: int  # methods that the ranks are among
    notes: list[str]  # plain text
    cells: pd.DataFrame = field(repr=False)  # the counting records

    @property
    def largest(self) -> int:
        return self.shots[-1]


@dataclass(frozen=True)
class Summary:
    tables: list[Table]
    failures: pd.DataFrame = field(repr=False)  # grouped: equal failures of several seeds are one row
    not_applicable: pd.DataFrame = field(repr=False)  # grouped likewise
    frame: pd.DataFrame = field(repr=False)  # every record given, with `counts`
