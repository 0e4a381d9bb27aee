"""A plug-in whose methods go wrong, each in its own way. `tests/executors/test_local.py` has some more of them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from methods.base import CLASSIFICATION, Edit, EncoderMethod, Features, HeadMethod, Paper, Recipe, Start, Support

PAPER = Paper("none", "none")
How = Literal[
    "fine", "predict", "rows", "classes", "scalar", "text", "infinite", "loss", "allocate", "bytes", "print", "support", "global",
    "abort", "exit", "empty", "long", "deep",
]  # fmt: skip


class Head(nn.Module):
    def __init__(self, how: str, classes: int) -> None:
        super().__init__()
        self.how, self.classes, self.bias = how, classes, nn.Parameter(torch.zeros(classes))

    def forward(self, features: Features) -> Tensor:
        count = len(features.image_raw)
        scores = features.image_raw[:, : self.classes] + self.bias
        if self.training and self.how == "loss":
            return scores * float("nan")
        if not self.training:
            if self.how == "predict":
                raise RuntimeError("no predictions today")
            if self.how == "text":
                return "scores"  # type: ignore[return-value]
        return {
            "rows": scores[: count - 1],
            "classes": scores[:, :1],
            "scalar": scores.sum(),
            "infinite": scores / 0.0,
        }.get("" if self.training else self.how, scores)


def nested(depth: int) -> None:
    """Each error quotes much, and is the cause of the next."""
    try:
        if depth:
            nested(depth - 1)
    except RuntimeError as error:
        raise RuntimeError(f"level {depth} " + "x" * 5000) from error
    raise RuntimeError(f"level {depth}")


class Misbehaving(HeadMethod):
    name, kinds, paper = "misbehaving", frozenset({CLASSIFICATION}), PAPER

    @dataclass(frozen=True)
    class Params:
        how: How = "fine"

    def head(self, support: Support) -> nn.Module:
        how = self.params.how
        if how == "allocate":
            torch.zeros(2**33)
        if how == "bytes":
            bytearray(2**35)
        if how == "print":
            for _ in range(100):
                os.write(1, b"x" * 2**20)
        if how == "support":
            support.features.image_raw.zero_()
            support.labels.zero_()
        if how == "global":
            torch.set_grad_enabled(False)
            torch.set_default_dtype(torch.float64)
            torch.manual_seed(7)
        if how == "abort":
            os.abort()
        if how == "exit":
            os._exit(3)
        if how == "empty":
            raise RuntimeError("\n\n")
        if how == "long":
            raise RuntimeError("all that it choked on: " + "x" * 2**20)
        if how == "deep":
            nested(8)
        return Head(how, support.classes)

    def recipe(self, support: Support) -> Recipe | None:
        return Recipe(steps=2) if self.params.how == "loss" else None


class Reaching(EncoderMethod):
    """Changes weights: those of its own copy, which it may, or by a detour those that all cells share."""

    name, kinds, paper, family = "reaching", frozenset({CLASSIFICATION}), PAPER, "inside the encoder"

    @dataclass(frozen=True)
    class Params(EncoderMethod.Params):
        far: bool = False
        what: Literal["weights", "statistics"] = "weights"  # statistics: what pixels are normalised with

    def adapt(self, clip: Any, start: Start) -> Edit:
        shared: Any = start.tokenize.__self__.clip  # type: ignore[attr-defined]
        with torch.no_grad():
            reached = shared if self.params.far else clip
            for value in reached.parameters() if self.params.what == "weights" else (reached.image.stages[0].mean,):
                value.mul_(0.5)
        return Edit([clip.logit_scale])

    def recipe(self, start: Start) -> Recipe:
        return Recipe(steps=1)
