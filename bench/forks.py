"""Where local workers come from: a process that has loaded the libraries, from which each worker is forked.

Loading them takes seconds of a core. None of this program's own modules is loaded there: they may change while a notebook
lives. Imports nothing heavy, so that the process can be started before the caller loads what it needs itself.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from multiprocessing import forkserver

START = "forkserver" if sys.platform == "linux" else "spawn"  # others' system libraries don't survive a fork
LIBRARIES = ["torch", "open_clip", "loralib", "sklearn.linear_model", "scipy.stats", "scipy.sparse", "safetensors.torch"]
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # the parent's business
POOLS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def load_libraries() -> None:
    """Start the process if it isn't there; it loads while the caller goes on."""
    if START != "forkserver":
        return
    multiprocessing.get_context(START).set_forkserver_preload(LIBRARIES)
    before = {name: os.environ.get(name) for name in POOLS}
    held = signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
    os.environ.update(dict.fromkeys(POOLS, "1"))  # no library may have threads when a worker is forked
    try:
        forkserver.ensure_running()
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
        signal.pthread_sigmask(signal.SIG_SETMASK, held)
