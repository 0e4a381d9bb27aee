"""Two methods of one run, example by example; see bench/report/numbers/by_example.py."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.compare.changes import section_of
from bench.errors import UsageError, unknown
from bench.report.numbers import sizes
from bench.report.numbers.by_example import ANY, OnTask, Pair, counted_in, mean_difference, on_task, paired
from bench.report.numbers.section import Section
from bench.store.record import Record
from bench.store.store import Store

Cells = dict[str, dict[str, dict[int, Record]]]  # task -> label -> seed -> record


@dataclass(frozen=True)
class TwoMethods:
    """A and B in one section and at one size of support. interval: of the mean difference A - B over tasks, 95 %."""

    section: Section
    shots: int  # as tables count them
    tasks: tuple[OnTask, ...]
    difference: float
    interval: tuple[float, float]


def two_methods(out: Path, a: str, b: str) -> list[TwoMethods]:
    """Of a results folder, by labels; for each section and size of support where both have scores of the same test examples.

    Raises UsageError for labels that the folder doesn't hold, or that share no cell whose predictions are there.
    """
    records = [record for record in Store(out).latest().values() if record.status == "ok"]
    labels = {record.cell.label for record in records}
    for label in (a, b):
        if label not in labels:
            raise unknown(f"method in {out}", label, labels)
    found: dict[tuple[Section, int], Cells] = {}
    for record in records:
        cell = record.cell
        if cell.label in (a, b):
            by_task = found.setdefault((section_of(record), sizes.number(cell)), {}).setdefault(cell.task, {})
            by_task.setdefault(cell.label, {})[cell.seed if cell.shots else ANY] = record
    counted = counted_in(out)
    result = []
    for (section, shots), tasks in sorted(found.items(), key=lambda item: (item[0][0].title, item[0][1])):
        both = {
            task: paired(methods[a], methods[b], counted)
            for task, methods in sorted(_with_baselines(found, section, tasks).items())
            if {a, b} <= methods.keys()
        }
        pairs = {task: pair for task, pair in both.items() if pair is not None}
        if pairs:
            result.append(_of_section(section, shots, pairs))
    if not result:
        raise UsageError(f"{out}: {a} and {b} share no cell whose predictions are there: run both on the same tasks and shots")
    return result


def _with_baselines(found: Mapping[tuple[Section, int], Cells], section: Section, tasks: Cells) -> Cells:
    """A method that uses no support stands in every size of it."""
    fixed = found.get((section, 0), {})
    return {task: {**fixed.get(task, {}), **methods} for task, methods in tasks.items()}


def _of_section(section: Section, shots: int, pairs: Mapping[str, Pair]) -> TwoMethods:
    difference, interval = mean_difference(list(pairs.values()))
    return TwoMethods(section, shots, tuple(on_task(task, pair) for task, pair in pairs.items()), difference, interval)
