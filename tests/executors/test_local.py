"""Whatever happens to a worker, every cell gives a record and the grid goes on."""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from bench.backbone import load
from bench.errors import BenchError
from bench.executors.local import LocalExecutor, _serve
from bench.executors.log import print_into
from bench.executors.schedule import Schedule
from bench.plan.grid import Cell, Request, expand
from bench.plan.registry import find_methods
from bench.plan.settings import Settings
from bench.spec import parse_names
from bench.store.record import Record
from bench.store.store import Store
from tests.executors.drivers import session, started
from tests.executors.grids import Gate, wait_for

PLUGIN = '''
"""Methods that go wrong, each in its own way."""
import ctypes, time
from dataclasses import dataclass
from typing import Literal
import torch
from methods.base import CLASSIFICATION, Features, HeadMethod, NotApplicable, Paper, Recipe

class Constant(torch.nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.weight, self.classes = torch.nn.Parameter(torch.ones(1)), classes
    def forward(self, features):
        return self.weight * torch.ones(len(features.image_raw), self.classes)

class Wrong(HeadMethod):
    name, kinds, paper, uses_support = "wrong", frozenset({CLASSIFICATION}), Paper("none", "none"), False
    @dataclass(frozen=True)
    class Params:
        how: Literal["fine", "raise", "segfault", "loop", "reason"] = "fine"
    def head(self, support):
        how = self.params.how
        if how == "raise": raise RuntimeError("on purpose")
        if how == "segfault": ctypes.string_at(0)
        if how == "loop": time.sleep(600)
        if how == "reason": raise NotApplicable("not on Sundays")
        return Constant(support.classes)
'''
EXPECTED = {
    "fine": ("ok", None),
    "raise": ("failed", "on purpose"),
    "segfault": ("crashed", "SIGSEGV"),
    "loop": ("timeout", "still running after"),
    "reason": ("not_applicable", "not on Sundays"),
}


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    path = tmp_path / "wrong.py"
    path.write_text(PLUGIN)
    return path


def cells(methods: str, plugin: Path) -> list[Cell]:
    request = Request(tuple(parse_names(methods, "methods")), ("digits",), (1,), (1,), quick=True)
    return expand(request, find_methods((plugin,)), load("bundled").fingerprint)


def test_every_way_of_going_wrong_is_a_row(tmp_path: Path, plugin: Path) -> None:
    """In processes that are spawned as a user's are; tests/faults tries more ways in processes that start faster."""
    settings = Settings(tmp_path / "out", tmp_path / "bank", plugins=(plugin,))
    wanted = cells(",".join(f"wrong[how={how}]" for how in EXPECTED), plugin)
    records = list(LocalExecutor(settings, 1, timeout_s=12).run(Schedule(wanted)))
    found: dict[str, Record] = {record.cell.params["how"]: record for record in records}
    assert len(records) == len(EXPECTED) == len(found)
    for how, (status, message) in EXPECTED.items():
        assert found[how].status == status, (how, found[how].error)
        if message is not None:
            assert found[how].error is not None and message in found[how].error.message
    assert found["segfault"].error is not None and found["segfault"].error.signal == signal.SIGSEGV
    assert found["raise"].error is not None and "on purpose" in found["raise"].error.traceback


class Impatient(Schedule):
    """Ends whatever has run for a second."""

    def overdue(self, cell: Cell, seconds: float) -> bool:
        return seconds > 1


def test_a_schedule_may_end_a_cell_that_the_executor_would_let_run(tmp_path: Path, plugin: Path) -> None:
    settings = Settings(tmp_path / "out", tmp_path / "bank", plugins=(plugin,))
    (record,) = LocalExecutor(settings).run(Impatient(cells("wrong[how=loop]", plugin)))
    assert record.status == "timeout" and record.error is not None and "still running after" in record.error.message


REAL_TIME = signal.SIGRTMIN + 6  # has a number, but no name


def half_a_record(settings: Settings, pipe: Connection, log: Connection) -> None:
    """A worker that is killed while its record is on its way."""
    pipe.send(None)
    pipe.recv()
    os.write(pipe.fileno(), struct.pack("!i", 1000) + b"half")
    os.kill(os.getpid(), REAL_TIME)


def test_a_worker_that_is_killed_while_it_sends_its_record_is_a_row(
    tmp_path: Path, plugin: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.executors.local._serve", half_a_record)
    settings = Settings(tmp_path / "out", tmp_path / "bank", plugins=(plugin,))
    (record,) = LocalExecutor(settings).run(Schedule(cells("wrong", plugin)))
    assert record.status == "crashed" and record.error is not None
    assert f"ended by signal {int(REAL_TIME)}" in record.error.message and record.error.signal == REAL_TIME


def no_life(settings: Settings, pipe: Connection, log: Connection) -> None:
    """A worker that never comes up."""
    print_into(log)
    os.write(2, b"a library is missing\n")
    os._exit(3)


def test_workers_that_never_come_up_end_the_run_with_the_name_of_a_log_and_no_cell_is_blamed(
    tmp_path: Path, plugin: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.executors.local._serve", no_life)
    monkeypatch.setattr("bench.executors.local.MOST_FAILED_STARTS", 2)
    settings = Settings(tmp_path / "out", tmp_path / "bank", plugins=(plugin,))
    with pytest.raises(BenchError, match=r"2 workers in a row died while they started: .* exit code 3: see .*\.log") as told:
        list(LocalExecutor(settings).run(Schedule(cells("wrong", plugin))))
    log = Path(str(told.value).rpartition("see ")[2])
    assert log.parent == tmp_path / "out" / "logs" and log.read_text() == "a library is missing\n"


def late_life(settings: Settings, pipe: Connection, log: Connection) -> None:
    """A worker of which only the second one comes up."""
    mark = settings.out / "came"
    if not mark.exists():
        mark.touch()
        os._exit(3)
    _serve(settings, pipe, log)


def test_a_cell_that_a_worker_never_looked_at_goes_to_the_next_worker(
    tmp_path: Path, plugin: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.executors.local._serve", late_life)
    settings = Settings(tmp_path, tmp_path / "bank", plugins=(plugin,))
    (record,) = LocalExecutor(settings).run(Schedule(cells("wrong", plugin)))
    assert record.status == "ok"


def test_workers_end_with_a_driver_that_is_killed(tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = [sys.executable, "-m", "bench", "run", "--methods", "lora", "--recipe", "paper", "--tasks", "digits"]
    command += ["--shots", "16", "--seeds", "1", "--workers", "1", "--out", str(out)]
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd())}
    driver = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not list((out / "bank").glob("*/*.safetensors")) and time.monotonic() < deadline:  # the worker is at its cell
        time.sleep(0.05)
    children = Path(f"/proc/{driver.pid}/task/{driver.pid}/children").read_text().split()
    assert children
    driver.kill()
    driver.wait()
    while any(Path(f"/proc/{child}").exists() for child in children) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not [child for child in children if Path(f"/proc/{child}").exists()]


def test_two_runs_at_once_share_the_cells_and_one_takes_over_from_the_other_when_it_is_killed(
    tmp_path: Path, bank: Path, gate: Gate
) -> None:
    store = Store(tmp_path / "out")
    with started(store.root, bank, gate.method, workers=1) as first:
        gate.wait(1)
        with started(store.root, bank, gate.method, workers=1) as second:
            gate.wait(2)  # each is at a cell of its own
            gate.let_one()
            gate.let_one()
            gate.wait(3)  # the third cell, by one of them; the other one waits for it
            wait_for(lambda: len(list(store.read())) == 2, "two records")
            at_work = max(gate.folder.glob("at-*"), key=lambda path: int(path.name.split("-")[2]))
            worker = int(at_work.name.split("-")[1])
            killed, survivor = (first, second) if worker in session(first.pid) else (second, first)
            killed.kill()
            killed.wait()
            gate.open()
            survivor.communicate(timeout=120)
            assert survivor.returncode == 0
    assert sorted((record.cell.seed, record.status) for record in store.read()) == [(1, "ok"), (2, "ok"), (3, "ok")]
    assert [path.stat().st_size for path in store.root.glob(".*")] == [0]
