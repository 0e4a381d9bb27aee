"""What methods may ask of a tower: its transformer blocks, or the reason why there are none to work on."""

from __future__ import annotations

from typing import cast

from methods.base import Block, NotApplicable, Tower


def transformer_blocks(tower: Tower) -> list[Block]:
    """A tower's blocks. Raises NotApplicable for a tower of other blocks, such as a convolutional one."""
    if not all(hasattr(block, "attn") for block in tower.blocks):
        raise NotApplicable(f"the tower {tower.name} has no transformer blocks that this could be put into")
    return cast(list[Block], tower.blocks)
