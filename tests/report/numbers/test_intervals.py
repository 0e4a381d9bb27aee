"""Every interval that is printed covers what it promises, by simulation; and where one doesn't hold, that is shown, too."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.compare.changes import clustered_half_width
from bench.report import summarise_records
from bench.report.numbers.bootstrap import SEEDS, TASKS, bootstrap_interval
from bench.report.numbers.statistics import estimate
from tests.report.factory import make_record

DRAWS = 1500
# Four standard errors of a share of 95%: a right interval fails one seed in 16,000.
CHANCE = 4 * math.sqrt(0.95 * 0.05 / DRAWS)

Scores = NDArray[np.floating]  # [tasks, seeds]
Ends = tuple[float, float]


def over_seeds(scores: Scores) -> Ends:
    """The interval after ±: each seed's mean over tasks is one draw."""
    found = estimate(scores.mean(axis=0))
    return found.mean - (found.half_width or 0), found.mean + (found.half_width or 0)


def resampled(scores: Scores) -> Ends:
    found = bootstrap_interval(scores)
    assert found is not None
    return found


def paired(differences: Scores) -> Ends:
    """The interval of `compare`: every cell of a task and seed is one draw."""
    draws = [(task, seed) for task, seeds in enumerate(differences) for seed in range(len(seeds))]
    width = clustered_half_width(differences.ravel(), draws)
    assert width is not None
    return differences.mean() - width, differences.mean() + width


def coverage(interval: Callable[[Scores], Ends], tasks: int, seeds: int, *, uneven: bool, common: float = 0.0) -> float:
    """How often the true mean, 0, lies inside. `uneven`: tasks vary by different amounts. `common`: how much a seed moves
    all tasks alike, as a random start does that the seed alone decides."""
    generator = np.random.default_rng([17, tasks, seeds])
    inside = 0
    for _ in range(DRAWS):
        spread = np.exp(generator.normal(0, 0.5, (tasks, 1))) if uneven else 1.0
        scores = spread * generator.normal(size=(tasks, seeds)) + common * generator.normal(size=seeds)
        low, high = interval(scores)
        inside += low <= 0 <= high
    return inside / DRAWS


@pytest.mark.parametrize("uneven", [False, True])
@pytest.mark.parametrize(("tasks", "seeds"), [(1, 3), (4, 3), (11, 3), (4, 5)])
def test_the_interval_over_seeds_covers(tasks: int, seeds: int, uneven: bool) -> None:
    assert coverage(over_seeds, tasks, seeds, uneven=uneven) == pytest.approx(0.95, abs=CHANCE)
    assert coverage(over_seeds, tasks, seeds, uneven=uneven, common=2.0) == pytest.approx(0.95, abs=CHANCE)


@pytest.mark.parametrize("uneven", [False, True])
@pytest.mark.parametrize(("tasks", "seeds"), [(TASKS, SEEDS), (4, 3), (11, 3), (4, 5)])
def test_the_bootstrap_covers(tasks: int, seeds: int, uneven: bool) -> None:
    """Degrees of freedom that are themselves estimated cost or add a point."""
    assert coverage(resampled, tasks, seeds, uneven=uneven) == pytest.approx(0.95, abs=CHANCE + 0.012)


def test_the_bootstrap_is_sharper_and_does_not_hold_where_a_seed_moves_all_tasks() -> None:
    """As the notes under the tables say."""
    generator = np.random.default_rng(0)
    many = [generator.normal(size=(4, 3)) for _ in range(300)]
    widths = [np.mean([high - low for low, high in map(interval, many)]) for interval in (over_seeds, resampled)]
    assert widths[1] < 0.7 * widths[0]
    assert coverage(resampled, 4, 3, uneven=False, common=2.0) < 0.8


@pytest.mark.parametrize(("tasks", "seeds"), [(1, 12), (4, 3)])
def test_the_interval_of_compare_covers(tasks: int, seeds: int) -> None:
    assert coverage(paired, tasks, seeds, uneven=False) == pytest.approx(0.95, abs=CHANCE)


def test_the_bootstrap_resamples_seeds_within_tasks() -> None:
    """Against resampling one draw after another; shifting a task's level must change nothing."""
    scores = np.random.default_rng(1).normal(0.6, 0.05, (4, 3))
    low, high = resampled(scores)
    assert low < scores.mean() < high
    moved = resampled(scores + np.array([[0.3], [-0.2], [0.1], [0.0]]))
    assert moved == pytest.approx((low + 0.05, high + 0.05))
    generator = np.random.default_rng(2)
    means = [np.mean([generator.choice(task, 3) for task in scores]) for _ in range(4000)]
    level = np.mean(np.array(means) * math.sqrt(3 / 2) - (math.sqrt(3 / 2) - 1) * scores.mean() < low)
    assert 0.0005 < level < 0.012  # t of four to eight degrees of freedom: 0.3% to 1.1%; of a normal it would be 2.5%


def test_too_little_to_resample_gives_no_interval() -> None:
    assert bootstrap_interval(np.ones((TASKS - 1, SEEDS))) is None
    assert bootstrap_interval(np.ones((TASKS, SEEDS - 1))) is None
    assert bootstrap_interval(np.full((TASKS, SEEDS), 0.5)) == (0.5, 0.5)


def test_rows_have_the_interval_of_their_own_cells() -> None:
    scores = np.random.default_rng(3).random((3, 3))
    records = [make_record("lora", f"t{task}", 4, seed, score) for (task, seed), score in np.ndenumerate(scores)]
    records += [make_record("coop", f"t{task}", 4, seed, 0.5) for task in range(3) for seed in range(2)]  # a seed is missing
    rows = {row.label: row for row in summarise_records(records).tables[0].rows}
    assert rows["lora"].bootstrap == {4: pytest.approx(bootstrap_interval(scores))}
    assert rows["coop"].bootstrap == {}
