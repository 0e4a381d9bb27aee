"""What a large set of a user's own costs before anything is decoded, and decoding by one thread and two.

Run with `tox -e perf`: 100,000 entries, 600 photographs. Without timing (`--benchmark-disable`) a few of each. Memory is in
`extra_info`: `kept_mib` is what a task with its three splits holds, `peak_mib` the most that was held on the way there.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from PIL import Image
from pytest_benchmark.fixture import BenchmarkFixture

from bench.backbone import load
from bench.features.bank import Account, Bank
from bench.features.frozen import Frozen
from bench.meter import Meter
from methods.base import Views
from tasks.base import Task
from tasks.find import find_task
from tests.tasks.own.makers import png, write

CLASSES = 100


@pytest.fixture
def entries(request: pytest.FixtureRequest) -> int:
    return 1_000 if request.config.getoption("benchmark_disable") else 100_000


def table(ending: str, own_split: bool = False) -> Callable[[Path, int], str]:
    """Of files that aren't there, but for the first: only some are looked at before they are asked for."""

    def make(root: Path, entries: int) -> str:
        names = [f"images/{number % 1000:03d}/{number:08d}.png" for number in range(entries)]
        columns = {"image": names, "label": [f"class {number % CLASSES}" for number in range(entries)]}
        if own_split:
            columns["split"] = ["train", "train", "train", "val", "test"] * (entries // 5)
            columns["label"] = [f"class {number // 5 % CLASSES}" for number in range(entries)]
        (root / names[0]).parent.mkdir(parents=True)
        (root / names[0]).write_bytes(png(1))
        return f"{ending}:{write(root / f'data.{ending}', columns)}"

    return make


def folder(root: Path, entries: int) -> str:
    for name in range(CLASSES):
        (root / f"class {name}").mkdir()
        for number in range(entries // CLASSES):
            (root / f"class {name}" / f"{number:08d}.png").touch()
    return f"imagefolder:{root}"


def index(source: str) -> Task:
    task = find_task(source)
    assert min(len(task.train), len(task.val), len(task.test)) > 0
    return task


@pytest.mark.parametrize(
    "make",
    [table("csv"), table("csv", own_split=True), table("parquet"), folder],
    ids=["csv", "csv with a split", "parquet", "imagefolder"],
)
def test_indexing(benchmark: BenchmarkFixture, tmp_path: Path, make: Callable[[Path, int], str], entries: int) -> None:
    source = make(tmp_path, entries)
    before = pa.total_allocated_bytes()
    tracemalloc.start()
    task = index(source)
    kept, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    arrow = pa.total_allocated_bytes() - before
    benchmark.extra_info |= {"entries": entries, "kept_mib": (kept + arrow) / 2**20, "peak_mib": (peak + arrow) / 2**20}
    assert len(task.train) + len(task.val) + len(task.test) == entries
    assert (kept + arrow) / entries < 400 + 4e6 / entries  # bytes; a list of strings alone takes 100
    benchmark.pedantic(lambda: index(source), rounds=3)


@pytest.fixture
def share() -> Iterator[Callable[[int], None]]:
    """Sets how many threads a worker may use."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("views", [0, 10])
def test_decoding(
    benchmark: BenchmarkFixture,
    tmp_path_factory: pytest.TempPathFactory,
    share: Callable[[int], None],
    entries: int,
    threads: int,
    views: int,
) -> None:
    """Photographs of 500 x 375 as JPEG. The ratio of one thread to two is what a second core gains."""
    root = tmp_path_factory.mktemp("photos")
    random = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (root / name).mkdir()
        for number in range(entries // 1_000 * 3 + 3):
            smooth = Image.fromarray(random.integers(0, 255, (30, 40, 3), np.uint8)).resize((500, 375), Image.Resampling.BICUBIC)
            smooth.save(root / name / f"{number}.jpg")
    task = find_task(f"imagefolder:{root}")
    rows = range(len(task.train))
    share(threads)

    def decode() -> None:
        bank = Bank(tmp_path_factory.mktemp("bank"), Meter("cpu"))
        policy = Views(views, 0.08, True) if views else None
        Frozen(load("bundled"), task, bank, Account(), "cpu", "fp32").images(task.train, rows, 0, policy)

    benchmark.extra_info["photographs"] = len(rows)
    benchmark.pedantic(decode, rounds=3, warmup_rounds=1)
