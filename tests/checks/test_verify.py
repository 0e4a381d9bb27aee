"""`python -m bench verify`: what it prints, when it fails, and what it can't count. The methods' counts are in their tests."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import pytest
import torch
from click.testing import CliRunner
from torch import nn

import bench.checks.verify
from bench.backbone import Backbone, Clip
from bench.backbone.shapes import LILT
from bench.backbone.tower import Tower
from bench.checks.verify import Counted, count, verify
from bench.cli import main
from bench.errors import UsageError
from bench.plan.registry import Registry
from methods.base import CLASSIFICATION, Count, Features, HeadMethod, Paper, Support

WIDTH = 8
RIGHT, WRONG = Count(3 * WIDTH + 3, "C (d + 1)", classes=3), Count(7, "a typing error", "rank=2", classes=3)
ELSEWHERE = Count(1, "a table", backbone=next(iter(LILT)))


class Ranked(HeadMethod):
    name = "ranked"
    kinds = frozenset({CLASSIFICATION})
    paper = Paper("None", "nowhere")
    counts = (RIGHT, WRONG, ELSEWHERE)

    @dataclass(frozen=True)
    class Params:
        rank: int = 1

    def head(self, support: Support) -> nn.Module:
        return Linear(support.features.image_raw.shape[1], support.classes)


class Linear(nn.Module):
    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, classes)

    def forward(self, features: Features) -> torch.Tensor:
        return self.linear(features.image_raw)


@pytest.fixture
def tiny() -> Backbone:
    """As much of a backbone as counting a head takes."""
    clip = Clip(Tower([], "", WIDTH), Tower([], "", WIDTH), nn.Parameter(torch.tensor(math.log(100.0))), WIDTH)
    return Backbone("tiny", clip, lambda texts: torch.ones(len(texts), 1), lambda image: image, 8, "", "")


def test_counting_takes_no_data(tiny: Backbone) -> None:
    assert count(Ranked(), tiny, RIGHT) == 27
    assert count(Ranked(), tiny, replace(RIGHT, classes=5, shots=16)) == 45


def test_every_stated_count_is_a_row_and_a_backbone_is_loaded_once(tiny: Backbone, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[str] = []

    def shape(name: str) -> Backbone:
        loaded.append(name)
        if name == RIGHT.backbone:
            return tiny
        raise UsageError("transformers is not installed: pip install it")

    monkeypatch.setattr(bench.checks.verify, "shape", shape)
    rows = list(verify(Registry({"ranked": Ranked})))
    assert loaded == [RIGHT.backbone, ELSEWHERE.backbone]
    assert rows == [
        Counted("ranked", RIGHT, 27),
        Counted("ranked[rank=2]", WRONG, 27),
        Counted("ranked", ELSEWHERE, None, "transformers is not installed: pip install it"),
    ]
    assert [row.agrees for row in rows] == [True, False, True]


@pytest.mark.parametrize(("ours", "code"), [(27, 0), (28, 1)])
def test_it_prints_the_table_and_fails_on_a_difference(monkeypatch: pytest.MonkeyPatch, ours: int, code: int) -> None:
    monkeypatch.setattr(bench.checks.verify, "verify", lambda registry: [Counted("ranked", replace(RIGHT, trainable=27), ours)])
    result = CliRunner().invoke(main, ["verify"])
    assert result.exit_code == code, result.output
    assert "ranked" in result.output and f"{ours:,}" in result.output and "27" in result.output
    assert ("differs" in result.output) == bool(code)


def test_counts_that_need_a_missing_library_are_left_out_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    row = Counted("ranked", ELSEWHERE, None, "transformers is not installed: pip install 'clip-adaptation-bench[hf]'")
    monkeypatch.setattr(bench.checks.verify, "verify", lambda registry: [row])
    result = CliRunner().invoke(main, ["verify"])
    assert result.exit_code == 0, result.output
    assert "pip install 'clip-adaptation-bench[hf]'" in result.output
