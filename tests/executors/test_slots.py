"""What each local worker gets of the machine; no GPU is needed, as a slot is what a process sees in its environment."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
import torch

from bench.errors import UsageError
from bench.executors import Placement, place
from bench.executors.local import LocalExecutor
from bench.executors.schedule import Schedule
from bench.executors.slots import MASK, cores, gpu_slots
from bench.forks import POOLS
from bench.plan.settings import Settings
from tests.executors.grids import Gate, cells, settings


@pytest.fixture
def four_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    monkeypatch.delenv(MASK, raising=False)


def test_a_machine_without_gpus_is_told_so_and_not_of_a_device_that_nobody_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(UsageError, match=r"--gpus 0: no GPU 0 here \(torch sees none: 'python -m bench doctor' says why\)"):
        LocalExecutor.placed(Settings(Path(), Path(), device="cpu"), Placement(gpus=(0,)))


@pytest.mark.usefixtures("four_gpus")
def test_each_worker_sees_one_gpu_and_neighbours_see_different_ones() -> None:
    assert gpu_slots((0, 3), 2) == [{MASK: "0"}, {MASK: "3"}, {MASK: "0"}, {MASK: "3"}]


@pytest.mark.usefixtures("four_gpus")
def test_a_mask_that_is_already_there_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MASK, "6,GPU-aa,2,1")
    assert gpu_slots((0, 1), 1) == [{MASK: "6"}, {MASK: "GPU-aa"}]


@pytest.mark.usefixtures("four_gpus")
@pytest.mark.parametrize(
    ("placement", "device", "message"),
    [
        (Placement(gpus=(4,)), "cuda", "no GPU 4 here"),
        (Placement(gpus=(0,)), "cpu", "doesn't go with --device cpu"),
        (Placement(gpus=(0, 1), per_gpu=2, workers=3), "cuda", "make 4 workers"),
        (Placement(per_gpu=2), "cuda", "--per-gpu needs --gpus"),
        (Placement(address="auto"), "cpu", "--address means nothing to --executor local"),
        (Placement(slurm=("time=3",)), "cpu", "--slurm means nothing to --executor local"),
    ],
)
def test_what_does_not_go_together_is_refused(placement: Placement, device: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=message):
        place(Settings(tmp_path, tmp_path, device=device), placement)


def test_an_executor_that_is_not_installed_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.delitem(sys.modules, "bench.executors.ray", raising=False)
    with pytest.raises(UsageError, match=r"needs ray, which is not installed: pip install .*\[ray\]"):
        place(Settings(tmp_path, tmp_path), Placement("ray"))


@pytest.mark.usefixtures("four_gpus")
def test_cores_are_shared_out(tmp_path: Path) -> None:
    here = Settings(tmp_path, tmp_path, device="cuda")
    placed = LocalExecutor.placed(here, Placement(gpus=(0, 1), per_gpu=2))
    assert len(placed.slots) == 4 and placed.settings.threads == max(1, cores() // 4)
    assert placed.settings.flags == {"executor": "local", "workers": 4, "timeout_s": None}
    assert LocalExecutor.placed(here, Placement(cpus=3)).settings.threads == 3


def test_workers_are_pinned_before_torch_looks_for_gpus(tmp_path: Path, bank: Path, gate: Gate) -> None:
    """The third cell comes after the death of a worker, whose successor has its slot."""
    slots = [{MASK: "5"}, {MASK: "7"}]
    executor = LocalExecutor(settings(tmp_path, bank), slots=slots)
    dies, tells = cells(f"tiny[gate={gate.folder},dies=true]"), cells(f"tiny[tells={MASK}]", (1, 2, 3))
    records = list(executor.run(Schedule([*dies, *tells]), lambda cell: None))
    messages = [record.error.message for record in records if record.error is not None]
    told = [message for message in messages if "SIGKILL" not in message]
    assert len(messages) == 4 and len(told) == 3
    assert set(told) <= {"5, CUDA untouched: True", "7, CUDA untouched: True"}


def test_no_library_of_a_worker_takes_more_than_its_cores(tmp_path: Path, bank: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in POOLS:
        monkeypatch.setenv(name, "2")
    (record,) = LocalExecutor(settings(tmp_path, bank)).run(Schedule(cells("tiny[pools=true]")))
    assert record.error is not None and record.error.message == "threads: {1}, torch: 1"
    assert [os.environ[name] for name in POOLS] == ["2"] * 3  # the driver's own stay
