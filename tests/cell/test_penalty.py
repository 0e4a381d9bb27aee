"""What a penalty is told of a step of training inside the encoders, and that it takes part in the loss."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn

from bench.backbone import Backbone
from bench.checks.conformance import STEPS, Bench
from methods.base import Clip, Edit, EncoderMethod, Paper, Start, Step
from tests.small_backbone import small_backbone


class Told(EncoderMethod):
    """Trains the norms of both towers, and keeps what its penalty is told."""

    name = "told"
    trains = "norms"
    paper = Paper("", "")
    told: ClassVar[list[dict[str, Any]]] = []

    def adapt(self, clip: Clip, start: Start) -> Edit:
        norms = [module for module in clip.modules() if isinstance(module, nn.LayerNorm)]
        return Edit([parameter for norm in norms for parameter in norm.parameters()], penalty=self.penalty)

    def penalty(self, step: Step) -> Tensor:
        now, before = step.texts()
        weights = dict(step.model.named_parameters())
        moved = {name: float((weights[name] - value).detach().abs().max()) for name, value in step.initial.items()}
        self.told.append({"now": now.detach(), "before": before, "moved": max(moved.values()), "names": set(moved)})
        return torch.zeros(())


class Held(Told):
    def penalty(self, step: Step) -> Tensor:
        weights = dict(step.model.named_parameters())
        return 1e6 * sum(((weights[name] - value).square().sum() for name, value in step.initial.items()), torch.zeros(()))


@pytest.fixture(scope="module")
def small() -> Backbone:
    return small_backbone()


@pytest.mark.parametrize("kind", ["classification", "pair", "retrieval"])
def test_it_sees_weights_and_texts_of_the_step_now_and_before(kind: str, small: Backbone, tmp_path: Path) -> None:
    Told.told.clear()
    fitted: Any = Bench(Told(), kind, small, tmp_path).fit()
    first, *_, last = Told.told
    assert len(Told.told) == STEPS and first["names"] == set(fitted.trained())
    assert first["moved"] == 0 < last["moved"]
    torch.testing.assert_close(first["now"], first["before"], rtol=1e-3, atol=1e-3)
    assert first["now"].shape == ((3 if kind == "classification" else 12), small.clip.features)
    assert float((last["now"] - last["before"]).abs().max()) > 1e-3


def test_it_takes_part_in_the_loss(small: Backbone, tmp_path: Path) -> None:
    def moved(method: EncoderMethod) -> float:
        fitted: Any = Bench(method, "classification", small, tmp_path).fit()
        before = dict(small.clip.named_parameters())
        last = [(value - before[name.removeprefix("clip.")]).detach().norm() for name, value in fitted.trained().items()]
        return float(torch.stack(last).norm())

    assert moved(Held()) < 0.9 * moved(Told())
