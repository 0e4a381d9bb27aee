"""The scores of one table, counted once: means, intervals, ranks and gains. Rows, notes and plots are handed them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from bench.report.numbers.bootstrap import bootstrap_interval
from bench.report.numbers.frame import OK
from bench.report.numbers.layout import Layout
from bench.report.numbers.other_metrics import further_metrics
from bench.report.numbers.ranking import Ranking, rank_methods
from bench.report.numbers.statistics import (
    CONFIDENCE,
    Estimate,
    from_moments,
    grouped,
    holm,
    mean_ranks,
    signed_rank_p,
    smallest_p,
)


@dataclass(frozen=True)
class Scores:
    """Scores are 0..1. What names no shot count is at the largest one; labels without a score for every cell are left out
    of all but `complete`, `order` and `gains`."""

    layout: Layout
    complete: dict[int, pd.DataFrame]  # shots -> mean scores [tasks, labels], missing where a cell lacks one
    means: dict[int, dict[str, Estimate]]  # shots -> label -> mean over tasks
    partial: dict[int, dict[str, Estimate]]  # likewise of labels that lack seeds, over those that they have on every task
    bootstraps: dict[int, dict[str, tuple[float, float]]]  # shots -> label -> 95% interval, where there is enough to draw from
    rankings: dict[int, Ranking | str]  # shots -> ranking, or why there is none
    order: tuple[str, ...]  # all labels, best first, those without a mean last by name
    ranks: dict[str, float]  # mean over tasks, 1 is best
    behind: dict[str, float]  # from the best; of the best itself there is none
    behind_p: dict[str, float]  # of that, paired over tasks, corrected for the number of labels compared
    reference: str | None  # label of the baseline that gains are taken over
    gain_tasks: tuple[str, ...]  # the tasks on which the reference has a score
    gains: pd.DataFrame  # [tasks, labels], missing where either has no complete score
    metrics: dict[str, dict[str, float]]  # further metric -> label -> mean over tasks and seeds

    @classmethod
    def of(cls, layout: Layout) -> Scores:
        complete = {shots: complete_scores(layout, shots) for shots in layout.shots}
        means = {shots: mean_scores(layout, shots, found) for shots, found in complete.items()}
        rankings = {shots: rank_methods(found, shots) for shots, found in complete.items()}
        last, top, ranking = complete[layout.largest], means[layout.largest], rankings[layout.largest]
        order = tuple(sorted(last.columns, key=lambda label: (-top[label].mean if label in top else np.inf, label)))
        differences = {label: (last[order[0]] - last[label]).to_numpy() for label in order[1:] if label in top}
        reference = reference_baseline(layout)
        return cls(
            layout=layout,
            complete=complete,
            means=means,
            partial={shots: partial_scores(layout, shots, frozenset(means[shots])) for shots in layout.shots},
            bootstraps={shots: bootstraps(layout, shots, means[shots]) for shots in layout.shots},
            rankings=rankings,
            order=order,
            ranks=ranking.ranks if isinstance(ranking, Ranking) else mean_ranks(last),
            behind={label: float(values.mean()) for label, values in differences.items()},
            behind_p=behind_p(differences, len(last)),
            reference=reference,
            gain_tasks=tuple(last.index[last[reference].notna()]) if reference is not None else (),
            gains=gains(last, reference),
            metrics=further_metrics(layout),
        )

    def gain(self, label: str) -> float | None:
        """Mean over `gain_tasks`; None for the reference and for what lacks a score on one of them."""
        if label not in self.gains or not self.gain_tasks:
            return None
        found = self.gains.loc[list(self.gain_tasks), label]
        return float(found.mean()) if found.notna().all() else None


def complete_scores(layout: Layout, shots: int) -> pd.DataFrame:
    """Mean scores [tasks, labels] at one shot count, over the seeds that all tasks have; missing where a cell lacks a score.

    Baselines stand in every shot count with their one figure.
    """
    cells, wanted = layout.averaged(shots), len(layout.seeds_at(shots))
    cells = cells[cells["state"] == OK]
    moments = cells.groupby(["task", "label"])["score"].agg(["mean", "count"])
    scores = moments["mean"].where(moments["count"] == wanted).unstack("label")
    known = layout.baselines[layout.baselines["state"] == OK]
    # Baselines have no seeds to speak of; should a store hold several, their mean is the figure.
    fixed = known.groupby(["task", "label"])["score"].mean().unstack("label")
    both = pd.concat([scores, fixed], axis="columns")
    return both.reindex(index=layout.tasks_at(shots), columns=layout.labels).astype("float64")


def mean_scores(layout: Layout, shots: int, complete: pd.DataFrame) -> dict[str, Estimate]:
    """Each method's mean over tasks with its interval over seeds; only methods with every cell.

    Tasks are averaged first, seed by seed: the spread over seeds is then that of the mean, and the spread between
    easy and hard tasks does not get into it.
    """
    scores = complete.dropna(axis="columns")
    cells = layout.averaged(shots)
    cells = cells[cells["label"].isin(scores.columns) & (cells["state"] == OK)]
    result = {str(label): from_moments(mean, None, 1) for label, mean in scores.mean(axis="index").items()} if len(scores) else {}
    by_seed = cells.groupby(["label", "seed"])["score"].mean().reset_index()
    for (label, *_), estimate in grouped(by_seed, ["label"], "score").items():
        result[str(label)] = estimate
    return result


def partial_scores(layout: Layout, shots: int, whole: frozenset[str]) -> dict[str, Estimate]:
    """Means over tasks of labels that are not `whole`: over the seeds with a score on every task, fewer than the table's."""
    cells = layout.adapted[(layout.adapted["shots"] == shots) & (layout.adapted["state"] == OK)]
    scores = cells[~cells["label"].isin(whole)].groupby(["label", "seed"])["score"].agg(["mean", "count"])
    scores = scores[scores["count"] == len(layout.tasks_at(shots))].reset_index()
    return {str(label): estimate for (label, *_), estimate in grouped(scores, ["label"], "mean").items()}


def bootstraps(layout: Layout, shots: int, means: dict[str, Estimate]) -> dict[str, tuple[float, float]]:
    """Label -> interval of its mean over tasks, of those that have one; baselines have no seeds to draw from."""
    cells = layout.averaged(shots)
    cells = cells[cells["label"].isin(list(means))]
    scores = cells.set_index(["label", "task", "seed"])["score"].unstack("seed")
    found = {str(label): bootstrap_interval(of_method) for label, of_method in scores.groupby(level="label")}
    return {label: interval for label, interval in found.items() if interval is not None}


def reference_baseline(layout: Layout) -> str | None:
    """The baseline that gains are taken over: with default parameters if there is one, the first by name otherwise."""
    names = layout.baselines.drop_duplicates("label")[["label", "method"]]
    ordered = sorted((label != method, label) for label, method in zip(names["label"], names["method"], strict=True))
    return ordered[0][1] if ordered else None


def gains(scores: pd.DataFrame, reference: str | None) -> pd.DataFrame:
    """Scores [tasks, labels] minus the reference's, the reference itself left out."""
    if reference is None:
        return scores.iloc[:, :0]
    return scores.sub(scores[reference], axis="index").drop(columns=reference)


def behind_p(differences: dict[str, np.ndarray], tasks: int) -> dict[str, float]:
    """Corrected p of each label's differences [tasks] from the best.

    None where none could come out small: a column of 0.14 would read as "no difference" though it means "too few tasks".
    """
    # Holm's smallest factor for the smallest p is the number of comparisons.
    if not differences or not smallest_p(tasks, len(differences)) < 1 - CONFIDENCE:
        return {}
    return holm({label: signed_rank_p(values) for label, values in differences.items()})
