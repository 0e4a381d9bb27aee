"""Which cells a table ought to hold, found from the records themselves.

What any method was run on, every method of the table is asked for: (task, shots, seed) seen with one method and not
with another is a missing cell of the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from bench.report.numbers.frame import CELL


@dataclass(frozen=True)
class Layout:
    """The cells of one table. `adapted` holds the methods that use a support, `baselines` those that only know shots 0."""

    adapted: pd.DataFrame
    baselines: pd.DataFrame

    @classmethod
    def of(cls, cells: pd.DataFrame) -> Layout:
        """Tell the two apart by their shots; a table of baselines alone is laid out as if 0 were a shot count."""
        most = cells.groupby("label")["shots"].transform("max")
        if (most == 0).all():
            return cls(adapted=cells, baselines=cells.iloc[:0])
        return cls(adapted=cells[most > 0], baselines=cells[most == 0])

    @cached_property
    def cells(self) -> pd.DataFrame:
        """All of them, the baselines last."""
        return pd.concat([self.adapted, self.baselines])

    @cached_property
    def labels(self) -> list[str]:
        return sorted(set(self.adapted["label"]) | set(self.baselines["label"]))

    @cached_property
    def asked(self) -> dict[tuple[str, int], frozenset[int]]:
        """(task, shots) -> seeds."""
        found: dict[tuple[str, int], set[int]] = {}
        for task, shots, seed in self.adapted[["task", "shots", "seed"]].drop_duplicates().itertuples(index=False):
            found.setdefault((task, shots), set()).add(seed)
        return {pair: frozenset(seeds) for pair, seeds in found.items()}

    @cached_property
    def shots(self) -> tuple[int, ...]:
        return tuple(sorted({shots for _, shots in self.asked}))

    @property
    def largest(self) -> int:
        return self.shots[-1]

    @cached_property
    def tasks(self) -> tuple[str, ...]:
        """Every task that anything was run on."""
        return tuple(sorted({task for task, _ in self.asked} | set(self.baselines["task"])))

    def tasks_at(self, shots: int) -> list[str]:
        return sorted(task for task, at in self.asked if at == shots)

    def seeds_at(self, shots: int) -> list[int]:
        """The seeds that every task has at this shot count: only they can be averaged over tasks one by one."""
        seeds = [found for (_, at), found in self.asked.items() if at == shots]
        return sorted(frozenset.intersection(*seeds)) if seeds else []

    def averaged(self, shots: int) -> pd.DataFrame:
        """The cells of `adapted` that a mean at this shot count is taken over."""
        cells = self.adapted[self.adapted["shots"] == shots]
        return cells[cells["seed"].isin(self.seeds_at(shots))]

    @cached_property
    def missing(self) -> dict[tuple[str, str, int], int]:
        """(label, task, shots) -> cells asked for that have no record; only those above zero."""
        labels = sorted(self.adapted["label"].unique())
        found = self.adapted.drop_duplicates(CELL).groupby(["label", "task", "shots"]).size().to_dict()
        result = {
            (label, task, shots): len(seeds) - found.get((label, task, shots), 0)
            for label in labels
            for (task, shots), seeds in self.asked.items()
        }
        known = set(zip(self.baselines["label"], self.baselines["task"], strict=True))
        for label in sorted(self.baselines["label"].unique()):
            result |= {(label, task, 0): int((label, task) not in known) for task in self.tasks}
        return {key: count for key, count in result.items() if count}
