"""Changes and their intervals, counted by hand."""

from __future__ import annotations

import itertools
import math
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.compare.changes import changed_rows, clustered_half_width
from bench.compare.pairing import PairedCell
from tests.stores import scored

T_2, T_5 = 4.302652729911275, 2.570581835636314  # Student's t at 0.975 with 2 and 5 degrees of freedom, from tables


def test_interval_of_single_draws_is_that_of_the_paired_t_test() -> None:
    differences = [1.0, 2.0, 4.0, -1.0, 0.5, 3.0]
    expected = T_5 * statistics.stdev(differences) / math.sqrt(6)
    assert clustered_half_width(differences, range(6)) == pytest.approx(expected)


def test_interval_of_nested_shots_is_that_over_the_means_of_the_draws() -> None:
    draws = {"seed 1": [1.0, 3.0], "seed 2": [2.0, 2.5], "seed 3": [-1.0, 0.0]}
    flat = [(name, value) for name, values in draws.items() for value in values]
    expected = T_2 * statistics.stdev(map(statistics.mean, draws.values())) / math.sqrt(3)
    assert clustered_half_width([value for _, value in flat], [name for name, _ in flat]) == pytest.approx(expected)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(-50, 50)), min_size=1), st.randoms(use_true_random=False))
def test_interval_does_not_depend_on_order_or_a_shift(pairs: list[tuple[str, float]], random: object) -> None:
    shuffled = pairs.copy()
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    first = clustered_half_width([value for _, value in pairs], [name for name, _ in pairs])
    second = clustered_half_width([value + 7 for _, value in shuffled], [name for name, _ in shuffled])
    assert (first is None) == (second is None) == (len({name for name, _ in pairs}) == 1)
    if first is not None:
        assert second == pytest.approx(first, abs=1e-9)


def test_interval_covers_the_truth_as_often_as_it_says() -> None:
    """Twelve draws of three cells that share half their spread; an interval over cells alone would cover 85 %, say."""
    random = np.random.default_rng(1)
    draws = np.repeat(np.arange(12), 3)
    inside = 0
    for _ in range(1000):
        values = random.normal(size=12)[draws] + random.normal(size=36)
        inside += abs(values.mean()) <= (clustered_half_width(values, draws.tolist()) or 0)
    assert 0.93 < inside / 1000 < 0.97


def pairs_of(changes: dict[tuple[str, int, int], tuple[float, float]]) -> list[PairedCell]:
    """(task, shots, seed) -> accuracy in A and in B."""
    return [
        PairedCell(scored(a, task=task, shots=shots, seed=seed), scored(b, task=task, shots=shots, seed=seed))
        for (task, shots, seed), (a, b) in changes.items()
    ]


GRID = {(task, shots, seed): (0.5, 0.5 + 0.01 * seed) for task, shots, seed in itertools.product(("x", "y"), (1, 4), (1, 2, 3))}


@pytest.mark.parametrize(("level", "count"), [("method", 1), ("task", 2), ("cell", 12)])
def test_levels(level: str, count: int) -> None:
    found = changed_rows(pairs_of(GRID), level)  # type: ignore[arg-type]
    assert len(found) == count
    assert sum(row.changes["score"].pairs for row in found) == 12
    for row in found:
        score = row.changes["score"]
        seeds = [1, 2, 3] if row.seed is None else [row.seed]
        assert score.change == pytest.approx(statistics.mean(seeds))
        assert score.before == pytest.approx(50)
        assert (row.task is None) == (level == "method")
        assert (score.half_width is None) == (level == "cell")
    if level == "task":
        assert found[0].changes["score"].half_width == pytest.approx(T_2 * 1.0 / math.sqrt(3))


def test_kinds_and_quick_runs_are_rows_of_their_own() -> None:
    cells = ({"kind": "pair"}, {"kind": "retrieval"}, {}, {"quick": True})
    found = changed_rows([PairedCell(scored(0.5, **cell), scored(0.6, **cell)) for cell in cells], "method")
    assert sorted((row.section.kind, row.section.quick) for row in found) == [
        *(("classification", False), ("classification", True), ("pair", False), ("retrieval", False))
    ]
    assert all(row.changes["score"].change == pytest.approx(10) for row in found)


def test_figures_and_their_units() -> None:
    before = scored(0.5, seconds=2, joules=20, memory=2 * 2**20, trainable=10)
    after = scored(0.6, seconds=3, joules=30, memory=3 * 2**20, trainable=0)
    (row,) = changed_rows([PairedCell(before, after)], "cell")
    found = {name: (change.before, change.after, change.unit, change.percent) for name, change in row.changes.items()}
    assert found == {
        "score": pytest.approx((50, 60, "points", 20)),
        "accuracy": pytest.approx((50, 60, "points", 20)),
        "log_loss": pytest.approx((0.5, 0.4, "", -20)),
        "parameters": (10, 0, "", -100),
        "time": (2, 3, "s", 50),
        "joules estimated": (20, 30, "J", 50),
        "memory": (2, 3, "MiB", 50),
    }


def test_joules_of_different_quality_are_not_compared_and_not_averaged() -> None:
    qualities = [("measured", "estimated"), ("measured", "measured"), ("estimated", "estimated"), ("unavailable", "unavailable")]
    pairs = [
        PairedCell(scored(0.5, joules=10, quality=a, seed=seed), scored(0.5, joules=10 + seed, quality=b, seed=seed))
        for seed, (a, b) in enumerate(qualities)
    ]
    (row,) = changed_rows(pairs, "method")
    found = {name: (change.pairs, change.change) for name, change in row.changes.items() if name.startswith("joules")}
    assert found == {"joules measured": (1, 1.0), "joules estimated": (1, 2.0)}


def test_a_figure_that_one_run_lacks_is_left_out_of_its_mean() -> None:
    pairs = pairs_of({("x", 1, 1): (0.5, 0.6), ("x", 1, 2): (0.5, 0.6)})
    pairs[0] = PairedCell(pairs[0].a, scored(0.6, task="x", shots=1, changes={"time_s": None}))
    (row,) = changed_rows(pairs, "method")
    assert (row.changes["score"].pairs, row.changes["time"].pairs) == (2, 1)


def test_a_share_of_zero_is_unknown() -> None:
    (row,) = changed_rows([PairedCell(scored(0.0, trainable=0), scored(0.1, trainable=5))], "cell")
    assert row.changes["parameters"].percent is None and row.changes["score"].percent is None
