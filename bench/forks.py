"""Where local workers come from: a process that has loaded the libraries, from which each worker is forked.

Loading them takes seconds of a core, so that it is done once. The command line forks that process from itself, when it has
loaded all and computed nothing yet. Elsewhere, in a notebook, whose threads no fork would survive, it is started afresh and
loads the libraries alone: this program's own modules may change while a notebook lives. Imports nothing heavy itself.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import forkserver, util
from pathlib import Path
from typing import Any

START = "forkserver" if sys.platform == "linux" else "spawn"  # others' system libraries don't survive a fork
LIBRARIES = ["torch", "open_clip", "loralib", "scipy.special", "scipy.sparse", "safetensors.torch", "matplotlib"]
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # the parent's business
POOLS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def load_libraries() -> None:
    """Start the process if it isn't there; it loads while the caller goes on."""
    if START == "forkserver":
        multiprocessing.get_context(START).set_forkserver_preload(LIBRARIES)
        with _held(), _without_threads():
            forkserver.ensure_running()


def fork_from_here(*modules: str) -> None:
    """Load modules and make a copy of this process, as it is then, the one that workers are forked from.

    To be called before anything computes: threads don't survive a fork, nor does what a GPU's driver keeps.
    """
    with _held(), _without_threads():
        for module in modules:
            importlib.import_module(module)
        if START == "forkserver":
            spawn, util.spawnv_passfds = util.spawnv_passfds, _fork  # type: ignore[assignment]
            try:
                forkserver.ensure_running()
            finally:
                util.spawnv_passfds = spawn


def _fork(path: object, arguments: list[str], passed: Sequence[int]) -> int:
    """As `spawnv_passfds`, for the program that is a fork server: it runs in a copy of this process."""
    if child := os.fork():
        return child
    try:
        for number in sorted(int(entry.name) for entry in Path("/proc/self/fd").iterdir()):
            if number > 2 and number not in passed:
                with suppress(OSError):  # the listing's own
                    os.close(number)
        listener, alive, *key = passed  # Python 3.14 passes a third one
        more: dict[str, Any] = {"authkey_r": key[0]} if key else {}
        forkserver.main(listener, alive, [], **more)
    finally:
        os._exit(0)  # nothing that this process has open is the copy's to close


@contextmanager
def _held() -> Iterator[None]:
    """What is started meanwhile is not reached by signals that are the parent's business."""
    held = signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, held)


@contextmanager
def _without_threads() -> Iterator[None]:
    """Libraries that are loaded meanwhile start no threads."""
    before = {name: os.environ.get(name) for name in POOLS}
    os.environ.update(dict.fromkeys(POOLS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
