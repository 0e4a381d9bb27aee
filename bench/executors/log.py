"""What workers print, kept in files of bounded size."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

MOST_BYTES = 10 * 2**20  # of one worker's log
LAST_WORDS_S = 2.0  # for what a worker left in its pipe; a process of its own may hold that open
CUT = b"\n... the log ends here: this worker printed more than is kept\n"


def print_into(pipe: Connection) -> None:
    """From now on all that this process prints, its libraries' C code included, goes into the pipe."""
    for stream, number in ((sys.stdout, 1), (sys.stderr, 2)):
        os.dup2(pipe.fileno(), stream.fileno() if stream else number)


@dataclass(frozen=True)
class Log:
    path: Path
    _writer: threading.Thread

    def hint(self) -> str:
        """Where to read on, if the worker that is gone has printed anything."""
        self._writer.join(LAST_WORDS_S)
        return f": see {self.path}" if self.path.is_file() else ""


def keep_log(pipe: Connection, path: Path) -> Log:
    """Write what comes out of the pipe to `path`, in a thread of the parent, until the worker is gone.

    The worker never waits for the disk nor fails with it: what can't be kept is thrown away. Its last words, printed by C
    code in a crash, are kept, as the pipe outlives it.
    """
    writer = threading.Thread(target=_keep, args=(pipe, path), daemon=True)
    writer.start()
    return Log(path, writer)


def _keep(pipe: Connection, path: Path) -> None:
    left, cut = MOST_BYTES, False
    with contextlib.closing(pipe):
        while True:
            try:
                chunk = os.read(pipe.fileno(), 65536)
            except OSError:
                return
            if not chunk:
                return
            if not cut:
                cut = len(chunk) > left
                kept = chunk[:left] + CUT if cut else chunk
                left -= len(chunk)
                with contextlib.suppress(OSError):
                    path.parent.mkdir(parents=True, exist_ok=True)
                    with path.open("ab") as file:
                        file.write(kept)
