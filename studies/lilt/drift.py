"""What became of the towers: how far their norms moved."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import torch
from torch import Tensor, nn

from bench import api
from bench.backbone import Clip
from bench.cell.scorer import Scorer
from bench.store.record import Record


def drift(before: Clip, after: Clip) -> dict[str, dict[str, float]]:
    """By tower and stage: mean over the stage's LayerNorms of |w - w0| / |w0|, w gain and bias together.

    A block that the method put below the last stage is passed over.
    """
    moved: dict[str, dict[str, float]] = {}
    for tower in ("image", "text"):
        old, new = (list(getattr(clip, tower).stages) for clip in (before, after))
        last = len(old) - 1
        names = ["embedding", *(f"block {number}" for number in range(1, last)), "final"]
        pairs = zip(names, old, [*new[:last], new[-1]], strict=True)
        distances = {name: [_distance(a, b) for a, b in zip(_norms(x), _norms(y), strict=True)] for name, x, y in pairs}
        moved[tower] = {name: float(np.mean(found)) for name, found in distances.items() if found}
    return moved


def _norms(stage: nn.Module) -> list[Tensor]:
    return [torch.cat([m.weight, m.bias]).detach() for m in stage.modules() if isinstance(m, nn.LayerNorm)]


def _distance(before: Tensor, after: Tensor) -> float:
    return float((after - before).norm() / before.norm())


def aligned_towers(record: Record, out: Path) -> Clip:
    """The towers as the cell left them, what is frozen in float32: in a lower precision it would not be what it was."""
    scorer = api.load(record, out)
    exact = Scorer(msgspec.structs.replace(scorer.about, precision="fp32"), scorer.method, scorer.backbone, scorer.tensors)
    towers: Clip = exact.fitted.module.clip
    return towers.eval()
