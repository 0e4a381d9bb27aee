"""How pictures are prepared for weights from a file, which doesn't say: as for the published weights of the architecture."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import open_clip

KEYS = ("mean", "std", "interpolation", "resize_mode")
LISTED = 5  # tags that a note names


def usual(architecture: str) -> tuple[dict[str, Any], str]:
    """open_clip's preprocessing of most of its weights for an architecture, and a line if it has others; both may be empty."""
    each = {tag: _of(architecture, tag) for tag in open_clip.list_pretrained_tags_by_model(architecture)}
    counts = Counter(each.values())
    if not counts:
        return {}, ""
    (chosen, _), *others = counts.most_common()
    like, unlike = ([tag for tag, found in each.items() if (found == chosen) is same] for same in (True, False))
    note = (
        f"pictures are prepared for this file as for {architecture}/{', '.join(like[:LISTED])}{', ...' * (len(like) > LISTED)}; "
        f"{', '.join(unlike[:LISTED])} would have it otherwise: name the tag, or use local-dir: with a configuration"
    )
    return dict(zip(KEYS, chosen, strict=True)), note if others else ""


def note_of(name: str) -> str:
    """The line for a backbone by its name; empty for what is no file of weights for one of open_clip's architectures."""
    architecture, _, weights = name.partition("/")
    if architecture not in open_clip.list_models() or not weights or not Path(weights).is_file():
        return ""
    return usual(architecture)[1]


def _of(architecture: str, tag: str) -> tuple[Any, ...]:
    config = open_clip.get_pretrained_cfg(architecture, tag)
    return tuple(config.get(key) for key in KEYS)
