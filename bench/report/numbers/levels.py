"""What a score must beat to mean anything: guessing, and always giving the most frequent class of the test set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from bench.kinds import KINDS
from bench.report.numbers.frame import OK


@dataclass(frozen=True)
class Levels:
    """Task -> accuracy 0..1; a task of which it isn't known is left out."""

    chance: Mapping[str, float]
    majority: Mapping[str, float]

    @classmethod
    def of(cls, cells: pd.DataFrame) -> Levels:
        """From the cells of one table; records of earlier versions don't know the majority."""
        done = cells[
            (cells["state"] == OK) & (cells["board"] == "") & cells["kind"].map(lambda kind: KINDS[kind].has_classes).astype(bool)
        ]
        return cls(
            chance={str(task): 1 / int(classes) for task, classes in _known(done, "classes").items() if classes > 0},
            majority={str(task): float(share) for task, share in _known(done, "majority").items()},
        )


def _known(cells: pd.DataFrame, column: str) -> pd.Series:
    """By task, where it is known; of several test sets the last one's, as notes warn of them."""
    return cells.dropna(subset=[column]).groupby("task")[column].last()


def mean(levels: Mapping[str, float], tasks: tuple[str, ...]) -> float | None:
    """Over the tasks; None unless it is known of all of them."""
    return sum(levels[task] for task in tasks) / len(tasks) if tasks and set(tasks) <= set(levels) else None
