"""Boards: what a record says beside the score on its own test set, each in tables of its own.

A board takes part of a record as a score of its own, so that means, intervals, ranks and fronts are made as for any table.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from bench.kinds import KINDS
from bench.store.record import Elsewhere, Record, all_metrics, headline
from tasks.corruptions import CORRUPTIONS, STRENGTHS

_ARROW = "\N{RIGHTWARDS ARROW}"


@dataclass(frozen=True)
class Board:
    """name: in titles and files. columns: further metrics, and their short titles."""

    name: str
    headline_title: str
    about: str
    columns: Mapping[str, str] = field(default_factory=dict)


NEW_CLASSES = Board(
    "new classes",
    "harmonic mean of base and new (%)",
    "Fitted to the first half of the classes. Base: accuracy on their test images among themselves; new: on the other half's, "
    "which the method has never seen, among themselves. Means of base and new are over tasks, so that the harmonic mean of a "
    "row's two figures is not the row's score.",
    {"base": "base", "new": "new"},
)
OTHER_SETS = Board(
    "other sets",
    "accuracy on sets that were not fitted (%)",
    "Each task is one that was fitted, an arrow, and one that was scored.",
)
DOMAINS = Board(
    "shifted domains", "accuracy on other images of the same classes (%)",
    "Each task is one that was fitted, an arrow, and one that was scored.",
)  # fmt: skip
FORGETTING = Board(
    "forgetting",
    "change of accuracy on tasks that were not fitted (points)",
    "Zero-shot accuracy of the fitted model on tasks that it was not fitted to, less the untouched backbone's on the same "
    "examples: below 0 is forgotten. Worst: on the task that lost most; own task: the score on the one that was fitted. A head "
    "leaves the towers as they were and forgets nothing.",
    {"worst": "worst", "own task": "own task"},
)
CORRUPTED = Board(
    "corrupted images",
    "accuracy on corrupted test images (%)",
    "Each test image under one of fifteen conditions, five corruptions at three strengths. Robustness: the accuracy's share of "
    "that on the clean images.",
    {"robustness": "robustness", **{name: name for name in (*CORRUPTIONS, *(f"strength {each}" for each in STRENGTHS))}},
)
BOARDS = {board.name: board for board in (NEW_CLASSES, OTHER_SETS, DOMAINS, FORGETTING, CORRUPTED)}


@dataclass(frozen=True)
class Entry:
    """One row of the frame: a record on one board, "" for that of its own test set."""

    board: str
    task: str
    kind: str
    score: float | None
    metrics: Mapping[str, float]
    reason: str = ""  # why there is no score though the record has one
    by: str = ""  # what scored elsewhere: the model, or the class texts in place of what belongs to its classes


def entries(record: Record) -> Iterator[Entry]:
    """All boards that the record is on; at least one."""
    cell, own = record.cell, headline(record)
    metrics = {name: metric.value for name, metric in all_metrics(record).items()}
    if cell.half:
        yield _new_classes(record, own, metrics)
    else:
        yield Entry("", cell.task, cell.kind, own, metrics)
    others = {name: entry for name, entry in record.elsewhere.items() if entry.role == "other set"}
    for name, entry in record.elsewhere.items():
        title = f"{cell.task} {_ARROW} {name}"
        if entry.role in ("other set", "domain") and entry.kind == cell.kind:
            board = OTHER_SETS if entry.role == "other set" else DOMAINS
            yield Entry(board.name, title, cell.kind, score_of(entry), _values(entry), entry.reason, entry.by)
        elif entry.role == "corruption":
            yield _corrupted(cell.task, entry, own)
    if changes := {name: change for name, entry in others.items() if (change := _change(entry)) is not None}:
        worst = {"worst": min(changes.values())} | ({} if own is None else {"own task": own})
        by = next(entry.by for name, entry in others.items() if name in changes)
        yield Entry(FORGETTING.name, cell.task, cell.kind, sum(changes.values()) / len(changes), worst, by=by)


def score_of(entry: Elsewhere) -> float | None:
    """The headline metric there."""
    metric = entry.metrics.get(KINDS[entry.kind].headline)
    return None if metric is None else metric.value


def _new_classes(record: Record, base: float | None, metrics: Mapping[str, float]) -> Entry:
    task = record.cell.task.removesuffix(f"-{record.cell.half}")
    entry = next((entry for entry in record.elsewhere.values() if entry.role == "new classes"), None)
    new = None if entry is None else score_of(entry)
    found = {name: value for name, value in (("base", base), ("new", new)) if value is not None}
    why = "" if entry is None else entry.reason
    by = "" if entry is None else entry.by
    return Entry(NEW_CLASSES.name, task, record.cell.kind, harmonic(base, new), {**metrics, **found}, why, by)


def harmonic(base: float | None, new: float | None) -> float | None:
    """Harmonic mean of two shares; 0 where one is 0, None where one is not known."""
    if base is None or new is None:
        return None
    return 2 * base * new / (base + new) if base + new else 0.0


def _corrupted(task: str, entry: Elsewhere, clean: float | None) -> Entry:
    score, metrics = score_of(entry), _values(entry)
    if score is not None and clean:
        metrics["robustness"] = score / clean
    return Entry(CORRUPTED.name, task, entry.kind, score, metrics, entry.reason)


def _change(entry: Elsewhere) -> float | None:
    """By class texts alone, which both models have; of a model fitted to pairs or captions, too."""
    name = KINDS[entry.kind].headline
    if not KINDS[entry.kind].by_class_texts or name not in entry.metrics or name not in entry.before:
        return None
    return entry.metrics[name].value - entry.before[name].value


def _values(entry: Elsewhere) -> dict[str, float]:
    return {name: metric.value for name, metric in entry.metrics.items()}
