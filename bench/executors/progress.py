"""What is shown while a grid runs: a bar in a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from bench.plan.grid import Cell
from bench.store.record import CellInfo, Record, headline
from bench.text import plain
from bench.writing import write_whole

PLAIN_EVERY_S = 10.0
NAMED = 2  # cells that run, by name
PROGRESS = ".progress"  # in the results folder while a run is at it
MESSAGE_LENGTH = 300  # characters of an error that are shown; all of them are in the record


def cell_name(record_or_cell: Record | Cell) -> str:
    info = record_or_cell.cell if isinstance(record_or_cell, Record) else record_or_cell.info
    return plain(f"{info.label} on {info.task}, {info.size}, seed {info.seed}")


class Display:
    """Cells done, running, failed, the time left, and the best figure so far."""

    def __init__(
        self,
        console: Console,
        cells: Sequence[Cell],
        seconds: Callable[[CellInfo], float] = lambda cell: 1.0,
        told: Path | None = None,
    ) -> None:
        """seconds: what a cell is likely to take, compared with others. told: a file that keeps what is shown, for others."""
        self.console = console
        self._told = told
        self.total = len(cells)
        self._seconds = seconds
        self._whole = sum(seconds(cell.info) for cell in cells)  # of what is ours to do
        self._behind = self._at_work = 0.0  # of that, cells that are finished, and that run
        self.done = 0
        self.failed = 0
        self._running: dict[str, int] = {}  # what runs, by name
        self.best: tuple[float, str] | None = None
        self._started: float | None = None  # when the first cell did
        self._last_line = time.monotonic()
        self._progress: Progress | None = None
        if console.is_terminal:
            columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}", markup=False))
            self._progress = Progress(*columns, console=console, transient=True)
            self._bar = self._progress.add_task("starting workers", total=self.total)

    def __enter__(self) -> Display:
        if self._progress is not None:
            self._progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._progress is not None:
            self._progress.stop()
        if self._told is not None:
            self._told.unlink(missing_ok=True)

    @property
    def running(self) -> int:
        return sum(self._running.values())

    def start(self, cell: Cell) -> None:
        if self._started is None:
            self._started = time.monotonic()
        name = cell_name(cell)
        self._running[name] = self._running.get(name, 0) + 1
        self._at_work += self._seconds(cell.info)
        self._update()

    def finish(self, record: Record) -> None:
        name = cell_name(record)
        others = self._running.pop(name, 1) - 1  # of the same name: two backbones, say
        if others:
            self._running[name] = others
        self._at_work -= self._seconds(record.cell)
        self._behind += self._seconds(record.cell)
        self._count(record)

    def found(self, record: Record) -> None:
        """Another run on the same store has done a cell of ours."""
        self._whole -= self._seconds(record.cell)
        self._count(record)

    def _count(self, record: Record) -> None:
        self.done += 1
        score = headline(record)
        for note in record.notes:
            self.console.print(Text(plain(note), style="yellow"))
        if record.status not in ("ok", "not_applicable"):
            self.failed += 1
            message = plain(record.error.message.strip().partition("\n")[0], MESSAGE_LENGTH) if record.error else ""
            self.console.print(Text(f"{record.status}: {cell_name(record)}: {message}", style="red"))
        elif score is not None and (self.best is None or score > self.best[0]):
            self.best = (score, cell_name(record))
        self._update()

    def describe(self) -> str:
        """One line of state."""
        names = list(self._running)
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        parts = [f"running {'; '.join(names[:NAMED])}{more}"] if names else []
        parts += [f"{self.failed} failed"] if self.failed else []
        left = self.seconds_left()
        if left is not None:
            parts.append(f"about {left / 60:.0f} min left" if left >= 90 else f"about {left:.0f} s left")
        if self.best is not None:
            parts.append(f"best {self.best[0]:.3f} ({self.best[1]})")
        return ", ".join(parts)

    def _tell(self) -> None:
        if self._told is None:
            return
        with suppress(OSError):  # a full disk is the store's to report
            write_whole(self._told, f"{self.done}/{self.total} cells, {self.describe()}\n".encode())

    def seconds_left(self) -> float | None:
        """What the cells that are left are likely to take, by how the estimates of those so far came true.

        What runs counts as half done. None before the first few cells.
        """
        if self.done < 3 or self._started is None or not self._behind:
            return None
        behind = self._behind + self._at_work / 2
        return (time.monotonic() - self._started) * max(0.0, self._whole - behind) / behind

    def _update(self) -> None:
        self._tell()
        if self._progress is not None:
            self._progress.update(self._bar, completed=self.done, description=self.describe())
        elif time.monotonic() - self._last_line > PLAIN_EVERY_S or self.done == self.total:
            self._last_line = time.monotonic()
            self.console.print(
                f"{self.done}/{self.total} cells, {self.describe()}", markup=False, highlight=False, soft_wrap=True
            )
