"""What banking the frozen prefix saves in training: the same ten steps from the bank, and with every row through the towers.

The ratio of the two cases of a method is the figure; docs/lilt.md tells it.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.backbone import load
from bench.cell.fitting.encoder import EncoderFitting
from bench.cell.prepare import freeze, prepare
from bench.features.bank import Bank
from bench.meter import Meter
from bench.plan.budget import Allowance
from bench.plan.episode import draw_episode
from bench.plan.registry import find_methods
from bench.spec import parse_names
from tasks.find import find_task


@pytest.mark.parametrize("rows", ["banked", "through the towers"])
@pytest.mark.parametrize("label", ["lit", "lilt-da"])
def test_ten_steps_of_aligning(benchmark: BenchmarkFixture, tmp_path: Path, label: str, rows: str) -> None:
    task = find_task("scenes-retrieval").for_alignment()
    method = find_methods().build(parse_names(label, "methods")[0])
    frozen = freeze(method, load("bundled-unaligned"), task, Bank(tmp_path, Meter("cpu")))
    made = prepare(method, frozen, draw_episode(task, 256, 1, "fixed"), Allowance(10)).walk(until="collect_rows")
    assert isinstance(made, EncoderFitting)
    if rows == "through the towers":
        made.image_cut = made.text_cut = 0
    made.walk(after="build", until="train")
    benchmark.pedantic(made.train, rounds=3, warmup_rounds=1)
