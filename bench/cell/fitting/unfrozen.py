"""What it takes to align two towers: large batches in chunks, what always trains, bounds on the temperature."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from bench.backbone import Clip


def in_chunks(encode: Callable[[Tensor], Tensor], rows: Tensor, chunk: int | None, device: str = "cpu") -> Tensor:
    """`encode(rows)` with the activations of at most `chunk` rows in memory at a time, in the backward pass, too.

    The features of a chunk are kept, its activations are computed again when its gradient is due, with the same random
    draws: the gradient cache of Gao et al. (RepL4NLP 2021), which gives the whole batch's own gradient. device: where
    `encode` takes the rows.
    """
    if chunk is None or len(rows) <= chunk:
        return encode(rows)
    there = torch.empty(0, device=device)  # checkpoint keeps the random state of the devices of its arguments only
    parts = [checkpoint(lambda part, _: encode(part), part, there, use_reentrant=False) for part in rows.split(chunk)]
    return torch.cat(parts)


def meeting_point(clip: Clip) -> list[nn.Parameter]:
    """Projections of both towers and the temperature: fresh where the towers have never met, so that they always train."""
    heads: list[Any] = [clip.image.head, clip.text.head]
    return [*(parameter for head in heads for parameter in head.projection), clip.logit_scale]


def train_where_unfrozen(clip: Clip) -> None:
    """Train mode for the stages that hold something trainable, eval mode (no dropout) for those that are frozen."""
    for tower in (clip.image, clip.text):
        for stage in tower.stages:
            stage.train(any(parameter.requires_grad for parameter in stage.parameters()))


@torch.no_grad()
def keep_temperature(clip: Clip, bounds: tuple[float, float]) -> None:
    """Put the temperature, 1 / exp(logit_scale), back between its bounds."""
    lowest, highest = bounds
    clip.logit_scale.clamp_(-math.log(highest), -math.log(lowest))
