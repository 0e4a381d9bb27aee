"""Which rows nothing beats in score and cost together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from bench.report.numbers.summary import Row


def undominated(points: Mapping[str, tuple[float, float]]) -> set[str]:
    """Names of the points (cost, score) for which no other one costs as little, scores as much, and is better in one."""
    return {
        name
        for name, (cost, score) in points.items()
        if not any(
            other_cost <= cost and other_score >= score and (other_cost, other_score) != (cost, score)
            for other_cost, other_score in points.values()
        )
    }


def marked(rows: Sequence[Row], shots: int) -> list[Row]:
    """The rows with their `pareto` filled in, by the mean scores at this shot count. A row with a gap is not among them."""
    costs = {
        "parameters": {row.label: row.costs.trainable for row in rows},
        "seconds": {row.label: row.costs.seconds for row in rows},
    }
    best = {
        name: undominated(
            {
                row.label: (cost, estimate.mean)
                for row in rows
                if (cost := of[row.label]) is not None and (estimate := row.scores[shots])
            }
        )
        for name, of in costs.items()
    }
    return [replace(row, pareto=tuple(name for name, labels in best.items() if row.label in labels)) for row in rows]
