"""Real drivers, each in a session of its own."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import termios
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.executors.grids import PLUGIN, wait_for

ROOT = Path(__file__).parents[2]


@contextmanager
def started(
    out: Path, bank: Path, methods: str, workers: int = 2, terminal: int | None = None
) -> Iterator[subprocess.Popen[str]]:
    """The command in a session of its own, at a terminal if there is one. It heeds signals that this process may ignore."""
    command = [sys.executable, "-m", "bench", "run", "--plugin", str(PLUGIN), "--methods", methods, "--tasks", "digits"]
    command += ["--quick", "--seeds", "1,2,3", "--shots", "1", "--precision", "fp32", "--workers", str(workers)]
    command += ["--out", str(out), "--bank", str(bank)]

    def prepare() -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # ignored under nohup
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


def run_quick(out: Path, *options: str, begin: Sequence[str] = ()) -> None:
    """A head and an encoder method on the quick tasks, one of each kind, two steps each, with a bank of its own."""
    command = [
        *begin,
        sys.executable,
        "-m",
        "bench",
        "run",
        "--quick",
        "--recipe",
        "steps=2",
        "--methods",
        "xtremeclip,bitfit",
    ]
    command += ["--shots", "2", "--seeds", "1", "--precision", "fp32", "--device", "cpu", "--cpus", "1"]
    command += ["--out", str(out), "--bank", str(out / "bank"), *options]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


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
        with contextlib.suppress(OSError):
            state, _, _, number = _stat(int(folder.name))
            if int(number) == leader and state != "Z":
                found.append(int(folder.name))
    return found


def commands(leader: int) -> list[str]:
    """Command lines of the session's processes; a copy of a process has the same."""
    return [Path(f"/proc/{process}/cmdline").read_text().replace("\0", " ") for process in session(leader)]


def parent_of(process: int) -> int:
    return int(_stat(process)[1])


def _stat(process: int) -> list[str]:
    """State, parent, group and session. Raises OSError for a process that isn't there."""
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[:4]


def nothing_is_left(driver: subprocess.Popen[str]) -> None:
    wait_for(lambda: not session(driver.pid), "the workers' end", 20)
