"""Trainable parameters, counted and compared with what the methods' sources state."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass

from bench.backbone import Backbone, load
from bench.backbone.shapes import SHAPES, shape
from bench.cell.blank import blank_support
from bench.cell.fitting.alignment import meeting_point
from bench.errors import UsageError
from bench.plan.registry import Registry
from bench.spec import parse_names
from methods.base import RETRIEVAL, Count, EncoderMethod, HeadMethod, Method, Start


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
    """Every count that a method states, each against a backbone of that shape with random weights or none."""
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
            yield Counted(label, stated, count(built, backbone, stated))


def _of_shape(name: str) -> Backbone | UsageError:
    """With random weights, or none at all; the reason if an optional library for it is missing."""
    try:
        return shape(name) if name in SHAPES else load(f"{name}/random")
    except UsageError as error:
        return error


def count(method: Method, backbone: Backbone, like: Count) -> int:
    """Parameters that the method trains on a task of these sizes."""
    classes = 0 if like.kind == RETRIEVAL else like.classes
    support = blank_support(like.kind, classes, like.shots * max(classes, 1), backbone.clip.features, shots=like.shots)
    if isinstance(method, HeadMethod):
        return sum(parameter.numel() for parameter in method.head(support).parameters())
    if not isinstance(method, EncoderMethod):
        raise UsageError(f"{method.name}: is neither a head nor an encoder method")
    clip = copy.deepcopy(backbone.clip)
    names = tuple(f"class {number}" for number in range(classes))
    start = Start(like.kind, "any", like.shots, len(support), names, backbone.tokenize, support, backbone.layout)
    always = [] if backbone.aligned else meeting_point(clip)
    clip.train_only([*method.adapt(clip, start), *always])
    head = method.head(start)
    trained = [*clip.parameters(), *(() if head is None else head.parameters())]
    return sum(parameter.numel() for parameter in trained if parameter.requires_grad)
