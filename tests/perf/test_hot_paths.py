"""The hot paths: bank building, one training step of each family, store append, report.

Run with `tox -e perf`. Figures depend on the machine; compare them within one run.
"""

from __future__ import annotations

import subprocess
import sys
import timeit
from pathlib import Path

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from bench.backbone import load
from bench.backbone.attention import SplitAttention
from bench.cell.fitting.fitting import Fitting
from bench.cell.prepare import prepare
from bench.features.bank import Account, Bank
from bench.features.frozen import Frozen
from bench.meter import Meter
from bench.plan.budget import Allowance
from bench.plan.episode import draw_episode
from bench.plan.registry import find_methods
from bench.report import summarise_records, write_report
from bench.report.text.leaderboard import leaderboard
from bench.spec import parse_names
from bench.store.store import Store
from tasks.find import find_task
from tests.report.factory import make_record, number, realistic, with_bins

EXAMPLES = 64
STAGES = 5  # of the bundled image tower: embedding, blocks, head


def frozen(root: Path, precision: str = "fp32") -> Frozen:
    return Frozen(load("bundled"), find_task("sketches"), Bank(root, Meter("cpu")), Account(), "cpu", precision)


@pytest.mark.parametrize("stage", ["pixels", "last block", "features"])
def test_bank_building(benchmark: BenchmarkFixture, tmp_path_factory: pytest.TempPathFactory, stage: str) -> None:
    number = {"pixels": 0, "last block": STAGES - 2, "features": STAGES}[stage]

    def build() -> None:
        fresh = frozen(tmp_path_factory.mktemp("bank"))
        fresh.images(fresh.task.test, range(EXAMPLES), number)

    benchmark.pedantic(build, rounds=5, warmup_rounds=1)
    benchmark.extra_info["examples"] = EXAMPLES


def test_bank_reading(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    frozen(tmp_path).images(find_task("sketches").test, range(EXAMPLES), STAGES)
    benchmark.pedantic(lambda: frozen(tmp_path).images(find_task("sketches").test, range(EXAMPLES), STAGES), rounds=5)


SPECS = ("tip-adapter-f", "xtremeclip", "coop", "lora", "bitfit", "lilt-partial", "full")


def fitting(root: Path, spec: str, precision: str, steps: int) -> Fitting:
    """Ready to train."""
    context = frozen(root, precision)
    method = find_methods().build(parse_names(spec, "methods")[0])
    return prepare(method, context, draw_episode(context.task, 4, 1, "fixed"), Allowance(steps)).walk(until="train")


def as_products(benchmark: BenchmarkFixture, flops: int) -> None:
    """How many times as long it takes as a plain product of two square matrices with as many operations, in this very run."""
    if benchmark.disabled or not flops:
        return
    a, b = torch.randn(2, 1024, 1024)
    best = min(timeit.repeat(lambda: a @ b, number=1, repeat=9))
    benchmark.extra_info["times a plain product"] = round(benchmark.stats.stats.min / (best * flops / (2 * 1024**3)), 2)


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_ten_training_steps(benchmark: BenchmarkFixture, tmp_path: Path, spec: str, precision: str) -> None:
    made = fitting(tmp_path, spec, precision, 1 if benchmark.disabled else 10)
    with FlopCounterMode(display=False) as counter:
        made.train()
    benchmark.pedantic(made.train, rounds=3)
    as_products(benchmark, counter.get_total_flops())


@pytest.mark.parametrize("spec", SPECS)
def test_predicting(benchmark: BenchmarkFixture, tmp_path: Path, spec: str) -> None:
    made = fitting(tmp_path, spec, "fp32", 1).walk(after="collect_rows")
    made.collect(made.task.test, range(EXAMPLES))
    with FlopCounterMode(display=False) as counter:
        made.predict()
    benchmark.pedantic(made.predict, rounds=5, warmup_rounds=1)
    as_products(benchmark, counter.get_total_flops())


@pytest.mark.parametrize("what", ["torch", "bench.api, bench.cell.worker", "bench.report"])
def test_start_up(benchmark: BenchmarkFixture, what: str) -> None:
    """The second over the first is what a run waits for before its first cell, as a multiple of what no run can do without;
    the third is well under one, as a report needs neither torch nor backbones."""
    benchmark.pedantic(lambda: subprocess.run([sys.executable, "-c", f"import {what}"], check=True), rounds=3)


@pytest.mark.parametrize("kernel", ["plain", "torch's fused"])
def test_attention_forward_and_backward(benchmark: BenchmarkFixture, kernel: str) -> None:
    """The ratio of the two is why short sequences take plain matrix products on CPUs."""
    attention = SplitAttention(192, 6)
    x = torch.randn(64, 17, 192, requires_grad=True)

    def plain() -> None:
        attention(x).sum().backward()

    def fused() -> None:
        q, k, v = (linear(x).view(64, 17, 6, 32).transpose(1, 2) for linear in (attention.q, attention.k, attention.v))
        mixed = F.scaled_dot_product_attention(q, k, v)
        attention.out(mixed.transpose(1, 2).reshape(64, 17, 192)).sum().backward()

    benchmark(plain if kernel == "plain" else fused)


def test_report_of_the_default_grids_size(benchmark: BenchmarkFixture) -> None:
    """Twelve methods, seven tasks, three shot counts, three seeds; without the plots."""
    methods = [f"method{number}" for number in range(12)]
    records = [
        make_record(method, f"task{task}", shots, seed, score=number(method, task, shots, seed))
        for method in methods
        for task in range(7)
        for shots in (1, 4, 16)
        for seed in (1, 2, 3)
    ]
    benchmark.pedantic(lambda: leaderboard(summarise_records(records), {}), rounds=3)


def test_whole_report(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    """The same grid with everything that is written: tables, page, and all plots."""
    records = [with_bins(record) for record in realistic()]
    rounds = 1 if benchmark.disabled else 3
    benchmark.pedantic(lambda: write_report(records, tmp_path), rounds=rounds)


def test_store_append(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.prepare()
    record = make_record()
    benchmark(store.append, record)
