"""How the bundled backbones are made from drawn scenes and their captions: `python -m studies.pretrain`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any


def pretraining_of(backbone: str) -> tuple[Any, Callable[..., dict[str, float]], Mapping[str, float]]:
    """The recipe of a bundled backbone, the function that follows it, and what the result must reach.

    Raises UsageError.
    """
    from bench.backbone.load import BUNDLED_NAMES
    from bench.errors import unknown
    from studies.pretrain import distilled, quality, separate

    if backbone not in BUNDLED_NAMES:
        raise unknown("bundled backbone", backbone, BUNDLED_NAMES)
    if backbone == "bundled":
        return distilled.Pretraining(), distilled.pretrain, quality.BARS
    return separate.Pretraining(), separate.pretrain, separate.BARS
