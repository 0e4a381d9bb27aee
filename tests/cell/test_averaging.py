"""The mean of parameters over the ends of epochs, against a plain weighted sum."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from bench.cell.averaging import EpochMean
from bench.cell.train import train
from bench.plan.budget import Allowance
from methods.base import Recipe

EXAMPLES = 6


def trained(average: tuple[float, float] | None, cap: int | None = None, epochs: int = 5) -> tuple[np.ndarray, list[np.ndarray]]:
    """The parameters that are kept, and those after each step, of the descent on a fixed slope by plain SGD."""
    parameters = [nn.Parameter(torch.zeros(3)), nn.Parameter(torch.zeros(()))]
    path: list[np.ndarray] = []

    def now() -> np.ndarray:
        return np.array([*parameters[0].tolist(), parameters[1].item()])

    def loss(rows: Tensor, generator: torch.Generator) -> Tensor:
        drawn = torch.rand(4, generator=generator)
        return (drawn[:3] * parameters[0]).sum() + drawn[3] * parameters[1]

    recipe = Recipe("sgd", 0.1, batch=2, epochs=epochs, weight_decay=0.0, schedule="constant", average=average)
    groups = {"body": parameters[:1], "head": parameters[1:]}
    allowance, options = Allowance(cap), {"seed": 3, "device": "cpu", "precision": "fp32"}
    train(groups, loss, EXAMPLES, recipe, allowance, after_step=lambda: path.append(now()), **options)  # type: ignore[arg-type]
    return now(), path


def gaussian(epoch: int, mean: float, deviation: float) -> float:
    return math.exp(-((epoch - mean) ** 2) / (2 * deviation**2))


@pytest.mark.parametrize("average", [(3.0, 1.0), (30.0, 30.0), (1.0, 0.3)])
def test_the_weighted_mean_of_the_ends_of_epochs_is_kept(average: tuple[float, float]) -> None:
    kept, path = trained(average)
    ends = path[2::3]  # three steps an epoch
    assert len(ends) == 5
    expected = np.average(ends, axis=0, weights=[gaussian(epoch, *average) for epoch in range(1, 6)])
    np.testing.assert_allclose(kept, expected, rtol=1e-5)
    last, same = trained(None)
    np.testing.assert_array_equal(same, path)  # what is kept changes nothing of the way
    np.testing.assert_array_equal(last, path[-1])


def test_epochs_of_a_run_that_is_cut_short_end_where_their_share_of_it_does() -> None:
    kept, path = trained((2.0, 1.0), cap=2)  # five epochs in two steps: two end within the first, three within the second
    weights = [sum(gaussian(epoch, 2.0, 1.0) for epoch in some) for some in ((1, 2), (3, 4, 5))]
    np.testing.assert_allclose(kept, np.average(path, axis=0, weights=weights), rtol=1e-5)


def test_parameters_stay_where_no_epoch_ends() -> None:
    parameter = nn.Parameter(torch.ones(2))
    mean = EpochMean([parameter], (1.0, 1.0), epochs=0.5)
    mean.step(1.0)
    mean.keep()
    assert parameter.tolist() == [1, 1]
