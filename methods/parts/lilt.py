"""What all methods of LilT share (Khan and Fu, ICLR 2023): the projections and the temperature always train."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from torch import nn

from methods.base import EncoderMethod, Paper, Recipe, Start
from methods.parts.recipe import TEMPERATURE, Contrast

LILT = Paper(
    "Contrastive Alignment of Vision to Language Through Parameter-Efficient Transfer Learning",
    "ICLR 2023",
    "arXiv:2303.11866",
)
DEIT_BERT = "DeiT-base + BERT-base"  # the towers of the paper, and where its counts are from
LILT_TABLE = "LilT's table"


class LiltMethod(EncoderMethod):
    """`inside` names what trains beside projections and temperature; it may edit the towers."""

    paper = LILT

    @dataclass(frozen=True)
    class Params(Contrast):
        lr: float | None = None  # AdamW; None: 2e-4 on an aligned backbone, 1e-4 on towers that have never met

    def inside(self, clip: Any) -> Iterable[nn.Parameter]:
        raise NotImplementedError

    def adapt(self, clip: Any, start: Start) -> Iterable[nn.Parameter]:
        return dict.fromkeys([*self.inside(clip), *projections(clip.image), *projections(clip.text), clip.logit_scale])

    def recipe(self, start: Start) -> Recipe:
        common = Recipe(lr=self.params.lr or 2e-4, steps=300 * start.shots, final_lr=1e-6, temperature=TEMPERATURE)
        return self.params.contrasted(common)


def projections(tower: Any) -> list[nn.Parameter]:
    """What maps a tower's pooled width to the shared space."""
    return tower.head.projection


def final_norm(tower: Any) -> list[nn.Parameter]:
    """Gain and bias of the norm in front of the projection; empty for a tower whose blocks end with one."""
    return [] if tower.head.norm is None else list(tower.head.norm.parameters())
