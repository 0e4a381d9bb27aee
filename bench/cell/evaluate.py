"""A fitted model on classes and tasks that it was not fitted to; outside of what its cell is charged for.

A model that compares images with texts takes the other task's class texts. What it fitted to its own classes scores those of
them that the other task has, by name. Where the other classes are new to it, it falls back to the class texts, as its towers
have become by then, and the result says so; a method that reads no class name has nothing to fall back to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import msgspec
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from bench.cell.fitting.fitting import Fitting
from bench.features.frozen import Frozen
from bench.kinds import KINDS
from bench.kinds.elsewhere import elsewhere_arrays, metrics_elsewhere
from bench.kinds.metrics import Metric
from bench.plan.episode import content_hash
from bench.store.record import By, Elsewhere, Role
from methods.base import NotApplicable
from tasks.base import Task
from tasks.corruptions import conditions


@dataclass(frozen=True)
class Target:
    """Rows of another task's test split, and what that task is to the fitted one."""

    source: str
    task: Task
    rows: tuple[int, ...]
    role: Role


def role_of(task: Task, other: Task) -> Role:
    if other.half == "new" and other.whole == task.whole:
        return "new classes"
    same = other.kind == task.kind and KINDS[task.kind].has_classes and columns(task, other) is not None
    return "domain" if same else "other set"


def columns(task: Task, other: Task) -> list[int] | None:
    """Where the other task's classes [C] are among the task's own; None where one is not."""
    if other.class_names == task.class_names:  # where two classes may have one name, as ImageNet's missiles do
        return list(range(len(task.class_names)))
    place = {name: number for number, name in reversed(list(enumerate(task.class_names)))}
    found = [place.get(name) for name in other.class_names]
    return None if None in found else [number for number in found if number is not None]


def evaluate(fitted: Fitting, target: Target, frozen: Frozen) -> tuple[Elsewhere, Mapping[str, np.ndarray]]:
    """What the fitted model scores there, and the arrays to keep. frozen: the backbone on the target's task."""
    task, rows = target.task, target.rows
    about = Elsewhere(
        source=target.source,
        task_version=task.version,
        kind=task.kind,
        role=target.role,
        n_test=len(rows),
        test_hash=content_hash(task.test, rows),
        before=_before(frozen, rows),
    )
    fitted.settle(elsewhere=target.role != "corruption")
    try:
        by, scores = score(fitted, frozen, rows)
    except NotApplicable as reason:
        return msgspec.structs.replace(about, reason=str(reason)), {}
    kind = KINDS[task.kind]
    arrays = kind.score(scores.numpy(), task.test, rows).arrays
    if target.role == "corruption":
        arrays |= {"condition": conditions(len(task.test), fitted.task.data)[list(rows)]}
    return msgspec.structs.replace(about, by=by, metrics=metrics_elsewhere(kind, arrays, len(rows))), elsewhere_arrays(
        task.name, arrays
    )


def score(fitted: Fitting, frozen: Frozen, rows: Sequence[int]) -> tuple[By, Tensor]:
    """By what the fitted model scores these rows of the test split of another task, and the scores. Raises NotApplicable."""
    mine, task = fitted.task, frozen.task
    if fitted.compares_texts:
        return "model", fitted.on(frozen).score(task.test, rows)
    mine_too = columns(mine, task) if task.kind == mine.kind else None
    if mine_too is not None:
        named = replace(task, class_names=mine.class_names, templates=mine.templates)
        return "model", fitted.on(replace(frozen, task=named)).score(task.test, rows)[:, mine_too]
    if not KINDS[task.kind].by_class_texts:
        raise NotApplicable("what it fitted belongs to the answers of its own task")
    adapted = fitted.without_head()
    if adapted is not None:
        return "class texts", adapted.on(frozen).score(task.test, rows)
    if "class names" not in fitted.method.sees:
        raise NotApplicable("what it fitted belongs to its own classes, and it reads no class name")
    return "class texts", untouched(frozen, rows)


def _before(frozen: Frozen, rows: Sequence[int]) -> dict[str, Metric]:
    kind = KINDS[frozen.task.kind]
    if not frozen.backbone.aligned or (kind.has_classes and not kind.by_class_texts):
        return {}
    return kind.score(untouched(frozen, rows).numpy(), frozen.task.test, rows).metrics


def untouched(frozen: Frozen, rows: Sequence[int]) -> Tensor:
    """Scores of rows of the test split by the backbone as it is: the cosine to the texts under the task's first template."""
    task, clip = frozen.task, frozen.backbone.clip
    kind, split = KINDS[task.kind], task.test
    image = frozen.images(split, kind.scored_images(split, rows), len(clip.image.stages))
    texts, own = kind.texts(task, split, rows, task.templates[0])
    text = frozen.texts(texts, len(clip.text.stages))[1]
    assert text is not None
    scores = clip.logit_scale.detach().exp().cpu() * F.normalize(image, dim=-1) @ F.normalize(text, dim=-1).T
    return scores if own is None else scores[:, torch.tensor(own)]
