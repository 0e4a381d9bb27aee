"""What all methods of LilT share (Khan and Fu, ICLR 2023): the projections and the temperature always train."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from torch import nn

from methods.base import EncoderMethod, Paper, Recipe, Start
from methods.recipe import TEMPERATURE, alignment

LILT = Paper(
    "Contrastive Alignment of Vision to Language Through Parameter-Efficient Transfer Learning",
    "ICLR 2023",
    "arXiv:2303.11866",
)
DEVICE_BATCH = 128  # pairs on each device of the published runs, whose code contrasts within a device


@dataclass(frozen=True)
class ContrastiveParams:
    """How pairs are told apart, for methods whose recipe LilT's is."""

    lr: float | None = None  # AdamW; None: 2e-4 on an aligned backbone, 1e-4 on towers that have never met
    batch: int | None = None  # pairs per step; None: the recipe's
    negatives: Literal["global", "local"] = "global"  # local: among 128, as on each of the published runs' devices
    chunk: int | None = None  # pairs in memory at a time, at the price of a second forward pass; the gradient stays the same

    def __post_init__(self) -> None:
        for name in ("batch", "chunk"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")


DEIT_BERT = "DeiT-base + BERT-base"  # the towers of the paper, and where its counts are from
LILT_TABLE = "LilT's table"


class LiltMethod(EncoderMethod):
    """`inside` names what trains beside projections and temperature; it may edit the towers."""

    paper = LILT

    @dataclass(frozen=True)
    class Params(ContrastiveParams):
        pass

    def inside(self, clip: Any) -> Iterable[nn.Parameter]:
        raise NotImplementedError

    def adapt(self, clip: Any, start: Start) -> Iterable[nn.Parameter]:
        return dict.fromkeys([*self.inside(clip), *projections(clip.image), *projections(clip.text), clip.logit_scale])

    def recipe(self, start: Start) -> Recipe:
        common = Recipe(lr=self.params.lr or 2e-4, steps=300 * start.shots, final_lr=1e-6, temperature=TEMPERATURE)
        return contrasted(common, self.params)

    def alignment(self, start: Start) -> Recipe:
        return contrasted(alignment(start.examples, self.params.lr, self.params.batch), self.params)


def contrasted(recipe: Recipe, params: ContrastiveParams) -> Recipe:
    """The recipe with batch, negatives and chunk as the parameters say."""
    return dataclasses.replace(
        recipe,
        batch=params.batch or recipe.batch,
        negatives=DEVICE_BATCH if params.negatives == "local" else None,
        chunk=params.chunk,
    )


def projections(tower: Any) -> list[nn.Parameter]:
    """What maps a tower's pooled width to the shared space."""
    return tower.head.projection


def final_norm(tower: Any) -> list[nn.Parameter]:
    """Gain and bias of the norm in front of the projection; empty for a tower whose blocks end with one."""
    return [] if tower.head.norm is None else list(tower.head.norm.parameters())
