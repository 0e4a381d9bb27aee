"""Supports of given sizes without data: enough to build a method, to count what it trains, to restore what it stored."""

from __future__ import annotations

import torch

from bench.kinds import Kind
from methods.base import Features, Support


def blank_support(
    kind: Kind,
    classes: int,
    examples: int,
    width: int,
    *,
    shots: int,
    task: str = "any",
    logit_scale: float = 100.0,
    device: str = "cpu",
) -> Support:
    """Random features [examples, width], the classes taking turns."""
    generator = torch.Generator().manual_seed(0)

    def draw(rows: int) -> torch.Tensor:
        return torch.randn(rows, width, generator=generator).to(device)

    own = kind.has_classes and kind.text_per_example
    shared = kind.has_classes and not kind.text_per_example
    return Support(
        kind=kind.name,
        task=task,
        shots=shots,
        classes=classes,
        features=Features(draw(examples), draw(examples) if own else None, draw(classes) if shared else None),
        labels=torch.arange(examples, device=device) % max(classes, 1),
        logit_scale=logit_scale,
    )
