"""What is known of a method before it is fitted: what it trains, and which share of the image tower stays frozen."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import torch

from bench.backbone import Backbone
from bench.cell.prepare import freeze, prepare
from bench.features.bank import Bank
from bench.features.frozen import BATCH, OTHER_BATCH, autocast
from bench.meter import Meter
from bench.plan.episode import Episode
from methods.base import Method
from tasks.base import Task


@dataclass(frozen=True)
class Known:
    """Before any fit."""

    parameters: int  # that train
    frozen_share: float  # 0..1, of the stages of the image tower that come before the first one that trains


def known(method: Method, backbone: Backbone, task: Task, examples: int, shots: int) -> Known | None:
    """Of a fit to so many examples; None where the method can't be built without data.

    Counts as `python -m bench verify` does, on an untrained copy; nothing is encoded.
    """
    frozen = freeze(method, backbone, task, Bank(Path(), Meter("cpu")), device=backbone_device(backbone))
    with torch.random.fork_rng(devices=[]):
        try:
            blank = prepare(method, frozen, Episode(shots, 0, ())).build_blank(examples)
        except Exception:  # what it needs is told by its first cell, as a row
            return None
    stages = len(backbone.clip.image.stages)
    cut = getattr(blank, "image_cut", stages)
    return Known(sum(value.numel() for value in blank.trained().values()), cut / stages)


def backbone_device(backbone: Backbone) -> str:
    return str(next(backbone.clip.parameters()).device)


def image_seconds(backbone: Backbone, precision: str) -> float:
    """Of one image through the whole image tower, in a batch as frozen work has it; the better of two passes."""
    device = backbone_device(backbone)
    count = BATCH.get(torch.device(device).type, OTHER_BATCH)
    pixels = torch.zeros(count, 3, backbone.size, backbone.size, dtype=torch.uint8, device=device)
    taken = []
    for _ in range(2):
        begun = time.perf_counter()
        with torch.no_grad(), autocast(device, precision):
            backbone.clip.image(pixels).float().cpu()  # waits for the device
        taken.append((time.perf_counter() - begun) / count)
    return min(taken)
