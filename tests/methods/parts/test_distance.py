"""The distance of unit rows, by a plain loop."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from methods.parts.distance import cosine_distance
from tests.methods.heads import unit


def test_half_the_mean_squared_distance() -> None:
    a, b = (unit(torch.randn(4, 5, generator=torch.Generator().manual_seed(seed))) for seed in (0, 1))
    expected = np.mean([((a[row] - b[row]) ** 2).sum() / 2 for row in range(4)])
    assert float(cosine_distance(torch.from_numpy(a), torch.from_numpy(b))) == pytest.approx(expected)
    assert float(cosine_distance(torch.from_numpy(a), torch.from_numpy(a))) == pytest.approx(0, abs=1e-6)
