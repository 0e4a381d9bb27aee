"""Ctrl-C once and twice, SIGTERM, a closed terminal: real drivers in sessions of their own, signals to all that is in them."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import subprocess
import sys
import termios
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from bench.store import Store
from tests.executors.grids import PLUGIN, Gate, wait_for

ROOT = Path(__file__).parents[2]


@contextmanager
def started(
    out: Path, bank: Path, methods: str, workers: int = 2, terminal: int | None = None
) -> Iterator[subprocess.Popen[str]]:
    """The command in a session of its own, at a terminal if there is one. Jobs in the background may ignore Ctrl-C: it may not."""
    command = [sys.executable, "-m", "bench", "run", "--plugin", str(PLUGIN), "--methods", methods, "--tasks", "digits"]
    command += ["--quick", "--seeds", "1,2,3", "--shots", "1", "--precision", "fp32", "--workers", str(workers)]
    command += ["--out", str(out), "--bank", str(bank)]

    def prepare() -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        if terminal is not None:
            fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)

    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    if terminal is not None:
        streams = dict.fromkeys(streams, terminal)
    driver = subprocess.Popen(command, cwd=ROOT, start_new_session=True, preexec_fn=prepare, text=True, **streams)  # type: ignore[call-overload]
    try:
        yield driver
        nothing_is_left(driver)
    finally:
        for process in session(driver.pid):
            os.kill(process, signal.SIGKILL)
        driver.communicate()


def read_until(driver: subprocess.Popen[str], text: str) -> None:
    assert driver.stderr is not None
    told = ""
    while text not in told:
        line = driver.stderr.readline()
        assert line, told
        told += line


def session(leader: int) -> list[int]:
    """Processes of the session that the driver began, without zombies."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, _, _, number = (folder / "stat").read_text().rpartition(")")[2].split()[:4]
        except OSError:
            continue
        if int(number) == leader and state != "Z":
            found.append(int(folder.name))
    return found


def nothing_is_left(driver: subprocess.Popen[str]) -> None:
    wait_for(lambda: not session(driver.pid), "the workers' end", 20)


def test_ctrl_c_finishes_the_running_cells_and_writes_the_report(tmp_path: Path, bank: Path, gate: Gate) -> None:
    with started(tmp_path / "out", bank, gate.method) as driver:
        gate.wait(2)
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
