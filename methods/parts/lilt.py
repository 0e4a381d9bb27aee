"""What all methods of LilT share (Khan and Fu, ICLR 2023): the projections and the temperature always train."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from torch import nn

from methods.base import Clip, Edit, EncoderMethod, Paper, Recipe, Start, Tower
from methods.parts.alignment import TEMPERATURE

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
    class Params(EncoderMethod.Params):
        lr: float | None = None  # AdamW; None: 2e-4 on an aligned backbone, 1e-4 on towers that have never met

    def inside(self, clip: Clip) -> Iterable[nn.Parameter]:
        raise NotImplementedError

    def adapt(self, clip: Clip, start: Start) -> Edit:
        return Edit(
            dict.fromkeys([*self.inside(clip), *clip.image.head.projection, *clip.text.head.projection, clip.logit_scale])
        )

    def recipe(self, start: Start) -> Recipe:
        return Recipe(lr=self.params.lr or 2e-4, steps=300 * start.shots, final_lr=1e-6, temperature=TEMPERATURE)


def final_norm(tower: Tower) -> list[nn.Parameter]:
    """Gain and bias of the norm in front of the projection; empty for a tower whose blocks end with one."""
    return [] if tower.head.norm is None else list(tower.head.norm.parameters())
