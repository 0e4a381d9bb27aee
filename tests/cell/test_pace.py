"""A loop's first step is timed apart, its rates are over the others; a clock that the test turns stands in for time."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from bench.cell.pace import Pace
from bench.cell.train import train
from bench.plan.budget import Allowance
from methods.base import Recipe
from tests.meter.fakes import FakeClock, FakeCuda


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    clock = FakeClock()
    monkeypatch.setattr("bench.cell.pace.time", clock)
    return clock


def test_the_first_step_is_the_warm_up_and_the_rates_are_over_the_others(clock: FakeClock) -> None:
    pace = Pace("cpu")
    for seconds, samples in ((10.0, 8), (1.0, 8), (2.0, 8), (1.0, 4)):
        clock.sleep(seconds)
        pace.step(samples)
    pace.finish()
    assert (pace.warmup_s, pace.steps_per_s, pace.samples_per_s) == (10.0, 3 / 4, 20 / 4)


def test_one_step_is_all_warm_up_and_no_step_is_nothing(clock: FakeClock) -> None:
    nothing = Pace("cpu")
    nothing.finish()
    assert (nothing.warmup_s, nothing.steps_per_s) == (None, None)
    one = Pace("cpu")
    clock.sleep(3)
    one.step(8)
    one.finish()
    assert (one.warmup_s, one.steps_per_s, one.samples_per_s) == (3.0, None, None)


@pytest.mark.parametrize("steps", [2, 50])
def test_the_gpu_is_not_waited_for_at_each_step(monkeypatch: pytest.MonkeyPatch, steps: int) -> None:
    cuda = FakeCuda().use(monkeypatch)
    pace = Pace("cuda")
    for _ in range(steps):
        pace.step(8)
    pace.finish()
    assert cuda.log == ["synchronise"] * 3


def test_training_tells_its_pace(clock: FakeClock) -> None:
    """Ten examples in batches of 4, 4, 2; a step takes a second, the first one five."""
    w = nn.Parameter(torch.zeros(()))

    def loss(rows: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        clock.sleep(5 if clock.now == 50 else 1)
        return w * 1.0

    training = train({"body": [w]}, loss, 10, Recipe(batch=4, epochs=2), Allowance(), seed=0, device="cpu", precision="fp32")
    assert (training.warmup_s, training.steps_per_s) == (5.0, 1.0)
    assert training.samples_per_s == (4 + 2 + 4 + 4 + 2) / 5
