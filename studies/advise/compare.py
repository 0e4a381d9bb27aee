"""One advice beside the records of a run with the same supports."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import fmean

from bench.advise import Advice
from bench.errors import UsageError
from bench.store.record import Record, headline

NEAR = 0.01  # of the best: within a point


@dataclass(frozen=True)
class Row:
    """Test scores 0..1 of one task and size of support."""

    task: str
    shots: int
    advised: str
    score: float  # of the advised method
    best: str
    most: float  # of the best method, which nobody could know
    mean: float  # over all methods: what a blind choice would get
    untrained: float | None
    expected: float  # what the advice said
    low: float
    high: float

    @property
    def lost(self) -> float:
        """By how much the best is ahead."""
        return self.most - self.score

    @property
    def near(self) -> bool:
        return self.lost <= NEAR + 1e-9

    @property
    def held(self) -> bool:
        """Whether the score is within the interval that the advice gave."""
        return self.low <= self.score <= self.high


def scores_on_test(records: Iterable[Record], task: str, shots: int, seed: int) -> dict[tuple[str, str], float]:
    """Backbone and label -> score on the test split, of those that use no support at any size."""
    found = {}
    for record in records:
        cell, score = record.cell, headline(record)
        fits = (cell.shots, cell.seed) == (shots, seed) if cell.family != "zero-shot" else True
        if cell.task == task and fits and score is not None and not (cell.by_count or cell.quick or cell.half):
            found[cell.backbone, cell.label] = score
    return found


def row(advice: Advice, shots: int, records: Iterable[Record]) -> Row:
    """Raises UsageError where the folder of results lacks the advised method at this size and seed.

    Of a method that was advised with another value of a parameter, which no run has, the score is that of its defaults.
    """
    scores = scores_on_test(records, advice.task, shots, advice.seed)
    one = advice.recommended
    name = next((name for name in (one.label, one.label.partition("[")[0]) if (one.backbone, name) in scores), None)
    if name is None:
        raise UsageError(
            f"the results hold no score of {one.label} on {advice.task} at {shots} shots, seed {advice.seed}: "
            f"run python -m bench run --methods all --tasks {advice.task} --shots {shots} --seeds {advice.seed}"
        )
    best = max(scores, key=lambda each: scores[each])
    return Row(
        task=advice.task,
        shots=shots,
        advised=one.label,
        score=scores[one.backbone, name],
        best=best[1],
        most=scores[best],
        mean=fmean(scores.values()),
        untrained=next((score for (_, label), score in scores.items() if label.startswith("zero-shot")), None),
        expected=advice.expected,
        low=advice.low,
        high=advice.high,
    )


def table(rows: Iterable[Row]) -> list[str]:
    """A line each, and the shares of cells."""
    rows = list(rows)
    head = f"{'task':20} {'shots':>5} {'advised':24} {'test':>6} {'best of all':24} {'test':>6} {'lost':>6} {'mean':>6}"
    head += f" {'expected':>22}"
    lines = [head]
    for each in rows:
        said = f"{100 * each.expected:.1f} ({100 * each.low:.1f} to {100 * each.high:.1f})"
        lines.append(
            f"{each.task:20} {each.shots:5} {each.advised:24} {100 * each.score:6.1f} {each.best:24} {100 * each.most:6.1f} "
            f"{100 * each.lost:6.1f} {100 * each.mean:6.1f} {said:>22}"
        )
    if rows:
        lines.append(
            f"within {100 * NEAR:g} point of the best: {sum(each.near for each in rows)} of {len(rows)}; "
            f"lost on average: {100 * fmean(each.lost for each in rows):.1f} points; "
            f"test score within the interval: {sum(each.held for each in rows)} of {len(rows)}"
        )
    return lines
