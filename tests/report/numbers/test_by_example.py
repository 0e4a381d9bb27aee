"""The tests of two methods on the same examples, against plain counting and drawing."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.report.numbers.by_example import counted_in, mcnemar, paired_bootstrap
from tests.factories import make_record


@given(st.integers(0, 30), st.integers(0, 30))
def test_mcnemars_p_is_that_of_a_fair_coin(only_a: int, only_b: int) -> None:
    count = only_a + only_b
    tails = sum(math.comb(count, n) for n in range(count + 1) if abs(n - count / 2) >= abs(only_a - count / 2) - 1e-9)
    assert mcnemar(only_a, only_b) == pytest.approx(min(1.0, tails / 2**count))
    assert mcnemar(only_a, only_b) == pytest.approx(mcnemar(only_b, only_a))


def test_the_bootstrap_is_as_wide_as_drawing_rows_one_by_one() -> None:
    random = np.random.default_rng(3)
    differences = [random.choice([-1.0, 0.0, 1.0], 120, p=[0.1, 0.6, 0.3]), random.choice([0.0, 0.5], 60)]
    draws = [
        np.mean([values[random.integers(len(values), size=len(values))].mean() for values in differences]) for _ in range(4000)
    ]
    assert paired_bootstrap(differences) == pytest.approx(np.quantile(draws, [0.025, 0.975]), abs=0.01)
    assert paired_bootstrap([np.zeros(5)]) == (0.0, 0.0)


@pytest.mark.parametrize(("name", "body"), [("artifacts/x.npz", b"PK\3\4 cut"), ("artifacts/none.npz", None), ("../x.npz", b"")])
def test_predictions_that_cannot_be_read_count_nothing(tmp_path: Path, name: str, body: bytes | None) -> None:
    (tmp_path / "out" / "artifacts").mkdir(parents=True)
    if body is not None:
        (tmp_path / "out" / name).write_bytes(body)
    assert counted_in(tmp_path / "out")(make_record(artifacts={"predictions": name})) is None
