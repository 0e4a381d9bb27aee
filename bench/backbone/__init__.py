"""Backbones: open_clip models as two towers of stages with plain linears inside."""

from bench.backbone.load import Backbone, load
from bench.backbone.towers import Clip, Tower, split_towers

__all__ = ["Backbone", "Clip", "Tower", "load", "split_towers"]
