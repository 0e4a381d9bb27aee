"""Two stages of one training: first the body by the cosine to the texts, then the head alone, from the texts of then."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from bench.cell.train import train
from bench.checks.conformance import Bench
from bench.plan.budget import Allowance
from methods.base import CLASSIFICATION, Clip, Edit, EncoderMethod, Handover, Paper, Recipe, Start
from methods.two_stage import ClassWeights
from tests.small_backbone import small_backbone


@pytest.mark.parametrize(("steps", "at", "first"), [(10, 0.6, 6), (3, 0.6, 2), (1, 0.6, 0), (5, 1.0, 4), (5, 0.0, 0)])
def test_the_head_trains_alone_from_then_on_with_a_schedule_of_its_own(steps: int, at: float, first: int) -> None:
    body, head, seen = nn.Parameter(torch.zeros(())), nn.Parameter(torch.zeros(())), []
    begun: list[int] = []

    def loss(rows: Tensor, generator: torch.Generator) -> Tensor:
        seen.append((body.item(), head.item()))
        return body if not begun else head + body.detach()

    recipe = Recipe("sgd", lr=1.0, momentum=0.0, weight_decay=0.0, batch=2, steps=steps)
    handover = (at, lambda: begun.append(len(seen)))
    train(
        {"body": [body], "head": [head]}, loss, 4, recipe, Allowance(), seed=0, device="cpu", precision="fp32", handover=handover
    )
    seen.append((body.item(), head.item()))
    moves = -np.diff(np.array(seen), axis=0)
    assert begun == [first]
    for stage, length, column in ((moves[:first], first, 0), (moves[first:], steps - first, 1)):
        np.testing.assert_allclose(
            stage[:, column], [(1 + math.cos(math.pi * step / length)) / 2 for step in range(length)], atol=1e-6
        )
        assert not stage[:, 1 - column].any()


class Told(EncoderMethod):
    name = "told"
    kinds = frozenset({CLASSIFICATION})
    trains = "text norms, then class weights"
    paper = Paper("", "")
    texts: ClassVar[list[Tensor]] = []

    def adapt(self, clip: Clip, start: Start) -> Edit:
        norms = [parameter for norm in clip.text.modules() if isinstance(norm, nn.LayerNorm) for parameter in norm.parameters()]
        head = ClassWeights(len(start.class_names), clip.features, clip.logit_scale.detach().exp())

        def begin(texts: Tensor) -> None:
            self.texts.append(texts.clone())
            head.begin(texts)

        return Edit(norms, head=head, handover=Handover(0.6, begin))


def test_the_head_begins_at_the_texts_of_the_trained_tower(tmp_path: Path) -> None:
    small = small_backbone()
    tried = Bench(Told(), CLASSIFICATION, small, tmp_path)
    start: Any = tried.start()
    assert start.head is None and start.support_rows.texts is not None
    tokens = start.support_rows.texts.tokens
    fitted: Any = tried.fitted
    (texts,) = Told.texts
    with torch.no_grad():
        torch.testing.assert_close(texts, fitted.module.clip.text(tokens), rtol=1e-4, atol=1e-4)
        assert float((texts - small.clip.text(tokens)).abs().max()) > 1e-4
    weight = fitted.module.head.weight.detach()
    assert fitted.head is fitted.module.head and float((weight - nn.functional.normalize(texts, dim=-1)).abs().max()) > 1e-6
    assert {name.split(".")[0] for name in fitted.stored()} == {"clip", "head"}
