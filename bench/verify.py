"""Trainable parameters, counted and compared with what the methods' sources state."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass

import torch

from bench.backbone import Backbone, load
from bench.errors import UsageError
from bench.registry import Registry
from bench.spec import parse_names
from methods.base import PAIR, RETRIEVAL, Count, EncoderMethod, Features, HeadMethod, Method, Start, Support


@dataclass(frozen=True)
class Counted:
    """One row of `python -m bench verify`."""

    label: str
    stated: Count
    ours: int

    @property
    def agrees(self) -> bool:
        return self.ours == self.stated.trainable


def verify(registry: Registry) -> Iterator[Counted]:
    """Every count that a method states, each against a backbone of that shape with random weights."""
    backbones: dict[str, Backbone] = {}
    for name, method in sorted(registry.methods.items()):
        for stated in method.counts:
            label = f"{name}[{stated.params}]" if stated.params else name
            if stated.backbone not in backbones:
                backbones[stated.backbone] = load(f"{stated.backbone}/random")
            built = registry.build(parse_names(label, "methods")[0])
            yield Counted(label, stated, count(built, backbones[stated.backbone], stated))


def count(method: Method, backbone: Backbone, like: Count) -> int:
    """Parameters that the method trains on a task of these sizes."""
    support = blank_support(like, backbone.clip.features)
    if isinstance(method, HeadMethod):
        return sum(parameter.numel() for parameter in method.head(support).parameters())
    if not isinstance(method, EncoderMethod):
        raise UsageError(f"{method.name}: is neither a head nor an encoder method")
    clip = copy.deepcopy(backbone.clip)
    names = () if like.kind == RETRIEVAL else tuple(f"class {number}" for number in range(like.classes))
    start = Start(like.kind, "any", like.shots, len(support), names, backbone.tokenize, support)
    clip.train_only(list(method.adapt(clip, start)))
    head = method.head(start)
    trained = [*clip.parameters(), *(() if head is None else head.parameters())]
    return sum(parameter.numel() for parameter in trained if parameter.requires_grad)


def blank_support(like: Count, width: int) -> Support:
    """A support of the right sizes with random features."""
    generator = torch.Generator().manual_seed(0)
    classes = like.shots if like.kind == RETRIEVAL else like.classes
    examples = classes * like.shots

    def draw(rows: int) -> torch.Tensor:
        return torch.randn(rows, width, generator=generator)

    return Support(
        kind=like.kind,
        task="any",
        shots=like.shots,
        classes=like.classes,
        features=Features(
            draw(examples), draw(examples) if like.kind == PAIR else None, None if like.kind == PAIR else draw(classes)
        ),
        labels=torch.arange(classes).repeat_interleave(like.shots),
        logit_scale=100.0,
    )
