"""Trainable parameters, counted and compared with what the methods' sources state."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.backbone import Backbone
from bench.backbone.shapes import shape
from bench.cell.prepare import freeze, prepare
from bench.errors import UsageError
from bench.features.bank import Bank
from bench.kinds import KINDS
from bench.meter import Meter
from bench.plan.episode import Episode
from bench.plan.registry import Registry
from bench.spec import parse_names
from methods.base import Count, HeadMethod, Method, NotApplicable
from tasks.base import Split, SplitName, Task


@dataclass(frozen=True)
class Counted:
    """One row of `python -m bench verify`."""

    label: str
    stated: Count
    ours: int | None  # None: not counted
    reason: str = ""  # why not

    @property
    def agrees(self) -> bool:
        return self.ours in (self.stated.trainable, None)


def verify(registry: Registry) -> Iterator[Counted]:
    """Every count that a method states, each against a backbone of that shape without weights."""
    backbones: dict[str, Backbone | UsageError] = {}
    for name, method in sorted(registry.methods.items()):
        for stated in method.counts:
            label = f"{name}[{stated.params}]" if stated.params else name
            if stated.backbone not in backbones:
                backbones[stated.backbone] = _of_shape(stated.backbone)
            backbone = backbones[stated.backbone]
            if isinstance(backbone, UsageError):
                yield Counted(label, stated, None, str(backbone))
                continue
            built = registry.build(parse_names(label, "methods")[0])
            try:
                yield Counted(label, stated, count(built, backbone, stated))
            except NotApplicable as reason:  # an optional library is missing
                yield Counted(label, stated, None, str(reason))


def _of_shape(name: str) -> Backbone | UsageError:
    """The reason instead if an optional library for it is missing."""
    try:
        return shape(name)
    except UsageError as error:
        return error


def count(method: Method, backbone: Backbone, like: Count) -> int:
    """Parameters that the method trains on a task of these sizes."""
    classes = like.classes if KINDS[like.kind].has_classes else 0
    names = tuple(f"class {number}" for number in range(classes))
    task = Task(name="any", kind=like.kind, version="", class_names=names, load=_no_data)
    device = "cpu" if isinstance(method, HeadMethod) else next(backbone.clip.parameters()).device.type  # a head may compute
    frozen = freeze(method, backbone, task, Bank(Path(), Meter("cpu")), device=device)
    blank = prepare(method, frozen, Episode(like.shots, 0, ())).build_blank(like.shots * max(classes, 1))
    return sum(parameter.numel() for parameter in blank.trained().values())


def _no_data(split: SplitName) -> Split:
    raise RuntimeError("counting takes no data")
