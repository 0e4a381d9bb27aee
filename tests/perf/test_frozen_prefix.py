"""What banking the frozen prefix saves in training: the same ten steps from the bank, and with every row through the towers.

The ratio of the two cases of a method is the figure; docs/lilt.md tells it.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.backbone import load
from bench.cell.fitting import EncoderFitting, fitting
from bench.features.bank import Account, Bank
from bench.features.frozen import Frozen
from bench.meter import Meter
from bench.plan.episode import draw_episode
from bench.plan.registry import find_methods
from bench.spec import parse_names
from tasks.find import find_task


@pytest.mark.parametrize("rows", ["banked", "through the towers"])
@pytest.mark.parametrize("label", ["lit", "lilt-da"])
def test_ten_steps_of_aligning(benchmark: BenchmarkFixture, tmp_path: Path, label: str, rows: str) -> None:
    task = find_task("scenes-retrieval").for_alignment()
    frozen = Frozen(load("bundled-unaligned"), task, Bank(tmp_path, Meter("cpu")), Account(), "cpu", "fp32")
    method = find_methods().build(parse_names(label, "methods")[0])
    made = fitting(method, frozen, draw_episode(task, 256, 1, "fixed"), cap=10, stretch=1.0)
    assert isinstance(made, EncoderFitting)
    made.collect_start()
    made.build()
    if rows == "through the towers":
        made.image_cut = made.text_cut = 0
    made.collect_rows()
    benchmark.pedantic(made.train, rounds=3, warmup_rounds=1)
