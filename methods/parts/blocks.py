"""What methods may ask of a tower: its transformer blocks, or the reason why there are none to work on."""

from __future__ import annotations

from typing import Any

from methods.base import NotApplicable


def transformer_blocks(tower: Any) -> list[Any]:
    """A tower's blocks, each with `ln_1`, `attn` (linears q, k, v, out), `ln_2` and `mlp`.

    Raises NotApplicable for a tower of other blocks, such as a convolutional one.
    """
    if not all(hasattr(block, "attn") for block in tower.blocks):
        raise NotApplicable(f"the tower {tower.name} has no transformer blocks that this could be put into")
    return tower.blocks
