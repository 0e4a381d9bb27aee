"""Kill -9 of the driver or a worker at random moments of a small grid, then the same command again.

    python -m tests.faults.campaign [KILLS] [SEED]        what `tox -e faults` runs: 200 kills

Prints what it did. After a few kills of one grid the command runs undisturbed; then every cell must be in the table
exactly once, with the very predictions of a grid that nobody disturbed.
"""

from __future__ import annotations

import csv
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from bench.store.store import Store
from tests.faults.driver import Driver, run
from tests.faults.tiny import CELLS, Predictions, check_same, grid, photographs, predictions

PER_GRID = 4  # kills before a grid is left to finish


@dataclass
class Tally:
    kills: Counter[str] = field(default_factory=Counter)  # by victim
    grids: int = 0
    torn: int = 0  # lines that were passed over
    attempts: int = 0  # records of the finished grids, those of lost attempts included

    def __str__(self) -> str:
        killed = ", ".join(f"{count} x {victim}" for victim, count in sorted(self.kills.items()))
        return (
            f"{self.kills.total()} kills ({killed}) of {self.grids} grids: {self.grids * CELLS} cells each there once with "
            f"undisturbed predictions; {self.attempts} records, {self.torn} torn lines"
        )


def campaign(folder: Path, kills: int, seed: int, say: Callable[[str], None] = print) -> Tally:
    """Raises AssertionError where something was lost, doubled or changed."""
    random_ = random.Random(seed)
    photos = photographs(folder / "photos")
    said = folder / "said"
    whole = 0.0
    for name in ("undisturbed", "again"):  # the first pays for the server's imports
        started = time.monotonic()
        code, text = run(*grid(photos, folder / name), said=said)
        whole = time.monotonic() - started
        assert code == 0, text
    expected = predictions(folder / "undisturbed")
    assert len(expected) == CELLS
    check_same(predictions(folder / "again"), expected, "again")
    say(f"seed {seed}: undisturbed, the grid takes {whole:.1f} s")
    tally = Tally()
    while tally.kills.total() < kills:
        out = folder / f"grid-{tally.grids}"
        before = tally.kills.total()
        while tally.kills.total() < min(kills, before + PER_GRID):
            victim, moment = random_.choice(("driver", "worker")), random_.uniform(0, 1.1 * whole)
            happened = _kill(grid(photos, out), said, victim, moment)
            say(f"grid {tally.grids}, {victim} after {moment:.2f} s: {happened}")
            if happened == "killed":
                tally.kills[victim] += 1
            elif happened == "finished before":
                break
        code, text = run(*grid(photos, out), said=said)
        assert code == 0, text
        store = _check(out, expected)
        tally.grids += 1
        tally.torn += len(store.problems)
        tally.attempts += sum(1 for _ in store.read())
    say(str(tally))
    return tally


def _kill(arguments: tuple[str, ...], said: Path, victim: str, moment: float) -> str:
    """Start the command, kill -9 one of its processes after so many seconds, and wait until the driver is gone."""
    driver = Driver(arguments, said)
    if driver.wait(moment) is not None:
        return "finished before"
    pid = driver.process.pid
    if victim == "worker":
        children = driver.children()
        if not children:
            driver.wait(600)
            return "had no worker just then"
        pid = children[-1]
    assert pid is not None
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return "was gone just then"
    assert driver.wait(600) in ((-9, 0, 1) if victim == "driver" else (0, 1)), said.read_text()
    return "killed"


def _check(out: Path, expected: Predictions) -> Store:
    with (out / "cells.csv").open(newline="") as file:
        rows = [(row["label"], row["task"], int(row["shots"]), int(row["seed"])) for row in csv.DictReader(file)]
    assert sorted(rows) == sorted(expected), f"{out}: the table doesn't hold every cell exactly once"
    check_same(predictions(out), expected, out)
    store = Store(out)
    assert {record.status for record in store.latest().values()} == {"ok"}
    return store


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[1:]]
    with tempfile.TemporaryDirectory() as name:
        campaign(Path(name), *(numbers + [200, 1][len(numbers) :]), say=lambda line: print(line, flush=True))  # noqa: T201
