"""Other metrics than the headline: what the tables of a kind show beside it, and the accuracy on other tasks."""

from __future__ import annotations

import numpy as np
import pandas as pd

from bench.kinds import KINDS
from bench.kinds.elsewhere import TRANSFER
from bench.report.numbers.entries import BOARDS
from bench.report.numbers.frame import metric_column
from bench.report.numbers.layout import Layout


def further_metrics(layout: Layout) -> dict[str, dict[str, float]]:
    """Metric -> label -> mean over tasks and seeds at the largest shot count, of labels with the metric in every cell.

    A label may have one without a score: what can't name new classes has an accuracy on those that it learnt.
    """
    cells = pd.concat([layout.averaged(layout.largest), layout.baselines])
    lacking = {label for label, _, shots in layout.missing if shots in (layout.largest, 0)}
    cells = cells[~cells["label"].isin(lacking) & cells["task"].isin(layout.tasks_at(layout.largest))]
    found = {metric: _whole_means(cells, metric_column(metric)) for metric in metrics_of(cells)}
    return {metric: means for metric, means in found.items() if means}


def _whole_means(cells: pd.DataFrame, column: str) -> dict[str, float]:
    """Label -> mean over tasks, of the labels with a figure in every cell."""
    by_task = cells.groupby(["label", "task"])[column]
    means = by_task.mean().where(by_task.count() == by_task.size()).groupby("label").agg(["mean", "count", "size"])
    whole = means.loc[(means["count"] == means["size"]) & np.isfinite(means["mean"]), "mean"]
    return {str(label): float(mean) for label, mean in whole.items()}


def metrics_of(cells: pd.DataFrame) -> list[str]:
    """Those that the board or the kind of the cells names, then those of other tasks, where the cells have any of them."""
    pairs = cells[["board", "kind"]].drop_duplicates().itertuples(index=False)
    named = [metric for board, kind in pairs for metric in (BOARDS[board].columns if board else KINDS[kind].columns)]
    start = metric_column(TRANSFER)
    others = sorted(TRANSFER + name.removeprefix(start) for name in map(str, cells) if name.startswith(start))
    return [metric for metric in (*named, *others) if metric_column(metric) in cells]
