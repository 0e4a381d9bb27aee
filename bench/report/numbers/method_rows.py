"""The rows of one table: what each method scored, ranked, gained and cost."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pandas as pd

from bench.report.numbers.costs import costs_by
from bench.report.numbers.frame import FAILED, NOT_APPLICABLE, OK
from bench.report.numbers.layout import Layout
from bench.report.numbers.scores import Scores
from bench.report.numbers.statistics import from_moments, grouped, win_tie_loss
from bench.report.numbers.summary import Costs, Row, TaskScore


def task_scores(layout: Layout) -> dict[str, dict[str, dict[int, TaskScore]]]:
    """label -> task -> shots -> score; a baseline's one score stands under every shot count of the table."""
    cells = layout.cells
    estimates = grouped(cells[cells["state"] == OK], ["label", "task", "shots"], "score")
    counts: dict[Any, int] = cells.groupby(["label", "task", "shots", "state"]).size().to_dict()
    missing = layout.missing
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


def make_rows(scores: Scores) -> list[Row]:
    """All methods of the table, best at the largest shot count first, those without a mean last by name."""
    layout, last = scores.layout, scores.complete[scores.layout.largest]
    cells = layout.cells
    costs = _table_costs(layout, set(scores.means[layout.largest]))
    task_costs: dict[str, dict[tuple[str, int], Costs]] = defaultdict(dict)
    for (label, task, shots), cost in costs_by(cells[cells["state"] == OK], ["label", "task", "shots"]).items():
        task_costs[str(label)][(str(task), int(str(shots)))] = cost
    states = cells.groupby(["label", "state"]).size().to_dict()
    missing: dict[str, int] = defaultdict(int)
    for (label, _, _), count in layout.missing.items():
        missing[label] += count
    first = cells.drop_duplicates("label")
    names = dict(zip(first["label"], zip(first["method"], first["family"], first["sees"], strict=True), strict=True))
    baselines = set(layout.baselines["label"])
    per_task = task_scores(layout)
    return [
        Row(
            label=label,
            method=names[label][0],
            family=names[label][1],
            sees=names[label][2],
            baseline=label in baselines,
            scores={shots: means.get(label) for shots, means in scores.means.items()},
            partial={shots: found[label] for shots, found in scores.partial.items() if label in found},
            bootstrap={shots: found[label] for shots, found in scores.bootstraps.items() if label in found},
            metrics={metric: means[label] for metric, means in scores.metrics.items() if label in means},
            tasks={task: dict(of_task) for task, of_task in per_task[label].items()},
            rank=scores.ranks.get(label),
            gain=scores.gain(label),
            behind=scores.behind.get(label),
            behind_p=scores.behind_p.get(label),
            costs=costs[label],
            task_costs=task_costs[label],
            missing=missing[label],
            failed=states.get((label, FAILED), 0),
            not_applicable=states.get((label, NOT_APPLICABLE), 0),
            against_reference=win_tie_loss(scores.gains[label]) if label in scores.gains else None,
            against_best=win_tie_loss(last[label] - last[scores.order[0]]) if label in scores.behind else None,
        )
        for label in scores.order
    ]


def _ranges(costs: Costs) -> Costs:
    return Costs(trainable_range=costs.trainable_range, share_range=costs.share_range, stored_range=costs.stored_range)


def _table_costs(layout: Layout, complete: set[str]) -> dict[str, Costs]:
    """Costs at the largest shot count. A method with a gap keeps only the ranges of what it trains.

    Its seconds and joules would be means over other cells than its rivals'.
    """
    cells = pd.concat([layout.averaged(layout.largest), layout.baselines])
    found = {str(label): costs for (label, *_), costs in costs_by(cells[cells["state"] == OK], ["label"]).items()}
    known = {label: found.get(label, Costs()) for label in layout.labels}
    return {label: costs if label in complete else _ranges(costs) for label, costs in known.items()}
