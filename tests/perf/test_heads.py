"""What a cell of a method on banked features costs beyond the bank: a fit at 16 shots on a bundled task, and its test scores."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.backbone import load
from bench.cell.fitting.fitting import Fitting
from bench.cell.prepare import freeze, prepare
from bench.features.bank import Bank
from bench.meter import Meter
from bench.plan.budget import Allowance, parse_recipe
from bench.plan.episode import draw_episode
from bench.plan.registry import find_methods
from bench.tuned import tuned
from tasks.find import find_task

REGISTRY = find_methods()
HEADS = sorted(name for name, method in REGISTRY.methods.items() if method.family == "head")
TASK = "sketches"


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bank")


@pytest.mark.parametrize("name", HEADS)
def test_a_cell_beyond_the_bank(benchmark: BenchmarkFixture, bank: Path, name: str) -> None:
    method, backbone, task = REGISTRY.methods[name](), load("bundled"), find_task(TASK)
    frozen = freeze(method, backbone, task, Bank(bank, Meter("cpu")))
    episode, test = draw_episode(task, 16, 1, "fixed"), range(len(task.test))
    allowance = Allowance(1)
    if not benchmark.disabled:
        choice = tuned(backbone.fingerprint, name, task.kind)
        allowance = parse_recipe("tuned").allowance(False, task.budget, method.family, choice)

    def begun() -> tuple[tuple[Fitting], dict[str, object]]:
        """All that is banked has been read where the method needs nothing of its own from it."""
        return (prepare(method, frozen, episode, allowance).walk(until="build"),), {}

    def cell(fitted: Fitting) -> None:
        fitted.walk(after="collect_start").score(task.test, test)

    cell(*begun()[0])  # what it asks of the bank is there from here on
    benchmark.pedantic(cell, setup=begun, rounds=1 if benchmark.disabled else 5)
    if not benchmark.disabled:
        benchmark.extra_info["milliseconds"] = round(1000 * benchmark.stats.stats.min, 1)
