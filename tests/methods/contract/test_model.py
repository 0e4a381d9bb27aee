"""The harness's model has what methods may ask of one."""

from __future__ import annotations

import pytest

import bench.backbone
from methods.contract import model


def members(protocol: type) -> set[str]:
    own = {name for name in vars(protocol) if not name.startswith("_")} | set(vars(protocol).get("__annotations__", {}))
    bases = [base for base in protocol.__bases__ if base.__module__ == protocol.__module__]
    return own.union(*(members(base) for base in bases))


@pytest.mark.parametrize(
    ("protocol", "path"),
    [
        (model.Clip, ""),
        (model.Tower, "image"),
        (model.Tower, "text"),
        (model.Head, "image.head"),
        (model.Head, "text.head"),
        (model.Block, "image.blocks"),
        (model.Block, "text.blocks"),
        (model.Attention, "image.blocks.attn"),
        (model.TextEmbedding, "text.stages"),
    ],
)
def test_every_member_is_there(clip: bench.backbone.Clip, protocol: type, path: str) -> None:
    part = clip
    for name in filter(None, path.split(".")):
        part = getattr(part, name)
        part = part[0] if name in ("blocks", "stages") else part
    wanted = members(protocol) - ({"class_token"} if path == "text.head" else set())  # only image towers have one
    assert wanted and not [name for name in wanted if not hasattr(part, name)]
