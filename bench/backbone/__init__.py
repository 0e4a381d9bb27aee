"""Backbones: open_clip models as two towers of stages with plain linears inside."""

from bench.backbone.lean import load_lean

load_lean()  # before any other module here imports what it is about

from bench.backbone.load import Backbone, load  # noqa: E402
from bench.backbone.towers import Clip, Tower, split_towers  # noqa: E402

__all__ = ["Backbone", "Clip", "Tower", "load", "split_towers"]
