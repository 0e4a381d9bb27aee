"""Ctrl-C once and twice, SIGTERM, a closed terminal: real drivers in sessions of their own, signals to all that is in them."""

from __future__ import annotations

import os
import pty
import signal
from collections.abc import Sequence
from pathlib import Path

import pytest

from bench.store.store import Store
from tests.executors.drivers import commands, read_until, started
from tests.executors.grids import Gate, wait_for


def test_ctrl_c_finishes_the_running_cells_and_writes_the_report(tmp_path: Path, bank: Path, gate: Gate) -> None:
    with started(tmp_path / "out", bank, gate.method) as driver:
        gate.wait(2)
        assert sum("bench run" in command for command in commands(driver.pid)) == 4  # two workers, from a copy of the driver
        os.killpg(driver.pid, signal.SIGINT)  # as a terminal does: to the workers, too
        read_until(driver, "Ctrl-C again stops now")
        gate.open()
        _, rest = driver.communicate(timeout=120)
    assert driver.returncode == 130
    assert "the same command goes on" in rest
    assert [record.status for record in Store(tmp_path / "out").read()] == ["ok", "ok"]
    assert (tmp_path / "out" / "leaderboard.md").is_file()


@pytest.mark.parametrize(
    ("signals", "code"),
    [((signal.SIGINT, signal.SIGINT), 130), ((signal.SIGTERM,), 143)],
    ids=["ctrl-c-twice", "sigterm"],
)
def test_stopping_now_keeps_what_is_recorded(
    signals: Sequence[signal.Signals], code: int, tmp_path: Path, bank: Path, gate: Gate
) -> None:
    store = Store(tmp_path / "out")
    with started(store.root, bank, gate.method, workers=1) as driver:
        one_recorded_one_running(gate, store)
        for number in signals[:-1]:
            os.killpg(driver.pid, number)
            read_until(driver, "Ctrl-C again stops now")
        os.killpg(driver.pid, signals[-1])
        _, told = driver.communicate(timeout=60)
    assert driver.returncode == code
    assert "Traceback" not in told
    assert [record.status for record in store.read()] == ["ok"]


def test_a_closed_terminal_stops_now_and_keeps_what_is_recorded(tmp_path: Path, bank: Path, gate: Gate) -> None:
    store = Store(tmp_path / "out")
    ours, theirs = pty.openpty()
    with started(store.root, bank, gate.method, workers=1, terminal=theirs) as driver:
        os.close(theirs)
        one_recorded_one_running(gate, store)
        os.close(ours)
        assert driver.wait(timeout=60) == 128 + signal.SIGHUP
    assert [record.status for record in store.read()] == ["ok"]


def one_recorded_one_running(gate: Gate, store: Store) -> None:
    gate.wait(1)
    gate.let_one()
    gate.wait(2)
    wait_for(lambda: list(store.read()), "a record")
