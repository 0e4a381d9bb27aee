"""The rows of one table: what each method scored, ranked, gained and cost."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
import pandas as pd

from bench.report.numbers.bootstrap import bootstrap_interval
from bench.report.numbers.costs import costs_by
from bench.report.numbers.frame import FAILED, NOT_APPLICABLE, OK
from bench.report.numbers.layout import Layout
from bench.report.numbers.statistics import (
    CONFIDENCE,
    Estimate,
    from_moments,
    grouped,
    holm,
    mean_ranks,
    signed_rank_p,
    smallest_p,
    win_tie_loss,
)
from bench.report.numbers.summary import Costs, Row, TaskScore


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
    labels = sorted(set(layout.adapted["label"]) | set(layout.baselines["label"]))
    both = pd.concat([scores, fixed], axis="columns")
    return both.reindex(index=layout.tasks_at(shots), columns=labels).astype("float64")


def mean_scores(layout: Layout, shots: int) -> dict[str, Estimate]:
    """Each method's mean over tasks with its interval over seeds; only methods with every cell.

    Tasks are averaged first, seed by seed: the spread over seeds is then that of the mean, and the spread between
    easy and hard tasks does not get into it.
    """
    scores = complete_scores(layout, shots).dropna(axis="columns")
    cells = layout.averaged(shots)
    cells = cells[cells["label"].isin(scores.columns) & (cells["state"] == OK)]
    result = {str(label): from_moments(mean, None, 1) for label, mean in scores.mean(axis="index").items()} if len(scores) else {}
    by_seed = cells.groupby(["label", "seed"])["score"].mean().reset_index()
    for (label, *_), estimate in grouped(by_seed, ["label"], "score").items():
        result[str(label)] = estimate
    return result


def bootstraps(layout: Layout, shots: int) -> dict[str, tuple[float, float]]:
    """Label -> interval of its mean over tasks; the same cells as in `mean_scores`, so only methods with every cell."""
    complete = complete_scores(layout, shots).dropna(axis="columns")
    cells = layout.averaged(shots)
    cells = cells[cells["label"].isin(complete.columns)]
    found = {
        str(label): bootstrap_interval(of_method.pivot(index="task", columns="seed", values="score"))
        for label, of_method in cells.groupby("label")
    }
    return {label: interval for label, interval in found.items() if interval is not None}


def task_scores(layout: Layout) -> dict[str, dict[str, dict[int, TaskScore]]]:
    """label -> task -> shots -> score; a baseline's one score stands under every shot count of the table."""
    cells = pd.concat([layout.adapted, layout.baselines])
    estimates = grouped(cells[cells["state"] == OK], ["label", "task", "shots"], "score")
    counts: dict[Any, int] = cells.groupby(["label", "task", "shots", "state"]).size().to_dict()
    missing = layout.missing()
    baselines = set(layout.baselines["label"])
    result: dict[str, dict[str, dict[int, TaskScore]]] = defaultdict(lambda: defaultdict(dict))
    for label, task, shots in sorted({(key[0], key[1], key[2]) for key in counts} | set(missing)):
        key = (label, task, shots)
        found = estimates.get(key)
        score = TaskScore(
            estimate=from_moments(found.mean, None, 1) if found and label in baselines else found,
            ok=counts.get((*key, OK), 0),
            failed=counts.get((*key, FAILED), 0),
            missing=missing.get(key, 0),
            not_applicable=counts.get((*key, NOT_APPLICABLE), 0),
        )
        result[label][task].update(dict.fromkeys(layout.shots, score) if label in baselines else {shots: score})
    return result


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


def make_rows(layout: Layout) -> list[Row]:
    """All methods of the table, best at the largest shot count first, those without a mean last by name."""
    cells = pd.concat([layout.adapted, layout.baselines])
    means = {shots: mean_scores(layout, shots) for shots in layout.shots}
    intervals = {shots: bootstraps(layout, shots) for shots in layout.shots}
    scores = complete_scores(layout, layout.largest)
    ranks = mean_ranks(scores)
    reference = reference_baseline(layout)
    gained = gains(scores, reference)
    if reference is not None:
        gained = gained[scores[reference].notna()]
    top = means[layout.largest]
    order = sorted(scores.columns, key=lambda label: (-top[label].mean if label in top else np.inf, label))
    behind, p_values = _behind(scores, [label for label in order if label in top])
    done = cells[cells["state"] == OK]
    costs = _table_costs(layout, set(top))
    task_costs: dict[str, dict[tuple[str, int], Costs]] = defaultdict(dict)
    for (label, task, shots), cost in costs_by(done, ["label", "task", "shots"]).items():
        task_costs[str(label)][(str(task), int(str(shots)))] = cost
    states = cells.groupby(["label", "state"]).size().to_dict()
    missing: dict[str, int] = defaultdict(int)
    for (label, _, _), count in layout.missing().items():
        missing[label] += count
    first = cells.drop_duplicates("label")
    names = dict(zip(first["label"], zip(first["method"], first["family"], strict=True), strict=True))
    baselines = set(layout.baselines["label"])
    per_task = task_scores(layout)
    return [
        Row(
            label=label,
            method=names[label][0],
            family=names[label][1],
            baseline=label in baselines,
            scores={shots: means[shots].get(label) for shots in layout.shots},
            bootstrap={shots: found[label] for shots, found in intervals.items() if label in found},
            tasks={task: dict(of_task) for task, of_task in per_task[label].items()},
            rank=ranks.get(label),
            gain=float(gained[label].mean()) if label in gained and len(gained) and gained[label].notna().all() else None,
            behind=behind.get(label),
            behind_p=p_values.get(label),
            costs=costs[label],
            task_costs=task_costs[label],
            missing=missing[label],
            failed=states.get((label, FAILED), 0),
            not_applicable=states.get((label, NOT_APPLICABLE), 0),
            against_reference=win_tie_loss(gained[label]) if label in gained else None,
            against_best=win_tie_loss(scores[label] - scores[order[0]]) if label in behind else None,
        )
        for label in order
    ]


def _behind(scores: pd.DataFrame, ranked: list[str]) -> tuple[dict[str, float], dict[str, float]]:
    """How far each ranked method is behind the first, and the corrected p of that, paired over tasks.

    No p where none could come out small: a column of 0.14 would read as "no difference" though it means "too few tasks".
    """
    if len(ranked) < 2:
        return {}, {}
    differences = {label: (scores[ranked[0]] - scores[label]).to_numpy() for label in ranked[1:]}
    behind = {label: float(values.mean()) for label, values in differences.items()}
    # Holm's smallest factor for the smallest p is the number of comparisons.
    if not smallest_p(len(scores), len(differences)) < 1 - CONFIDENCE:
        return behind, {}
    return behind, holm({label: signed_rank_p(values) for label, values in differences.items()})


def _ranges(costs: Costs) -> Costs:
    return Costs(trainable_range=costs.trainable_range, share_range=costs.share_range, stored_range=costs.stored_range)


def _table_costs(layout: Layout, complete: set[str]) -> dict[str, Costs]:
    """Costs at the largest shot count. A method with a gap keeps only the ranges of what it trains.

    Its seconds and joules would be means over other cells than its rivals'.
    """
    cells = pd.concat([layout.averaged(layout.largest), layout.baselines])
    found = {str(label): costs for (label, *_), costs in costs_by(cells[cells["state"] == OK], ["label"]).items()}
    labels = set(layout.adapted["label"]) | set(layout.baselines["label"])
    result = {}
    for label in labels:
        costs = found.get(label, Costs())
        whole = label in complete
        result[label] = costs if whole else _ranges(costs)
    return result
