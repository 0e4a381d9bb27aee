"""What all methods of LilT share (Khan and Fu, ICLR 2023): the projections and the temperature always train."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torch import nn

from methods.base import EncoderMethod, Paper, Start

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

    def inside(self, clip: Any) -> Iterable[nn.Parameter]:
        raise NotImplementedError

    def adapt(self, clip: Any, start: Start) -> Iterable[nn.Parameter]:
        return dict.fromkeys([*self.inside(clip), *projections(clip.image), *projections(clip.text), clip.logit_scale])


def projections(tower: Any) -> list[nn.Parameter]:
    """What maps a tower's pooled width to the shared space."""
    return tower.head.projection
