"""While a grid runs, nothing that comes from data reaches the terminal as anything but text."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from bench.errors import DataError
from bench.executors.progress import Display
from bench.plan.grid import Cell
from bench.spec import Named
from tests.factories import make_cell, make_record
from tests.report.factory import failed_record
from tests.stores import bench

ATTACK = "\x1b[2J\x1b]0;title\x07[bold]x[/bold]\u202e\r\n\x00\x9b31m"


@pytest.mark.parametrize("terminal", [True, False])
def test_errors_notes_and_labels(terminal: bool) -> None:
    console = Console(file=io.StringIO(), width=200, force_terminal=terminal, color_system=None, legacy_windows=False)
    records = (
        failed_record(message=ATTACK),
        failed_record(message="", seed=2),
        failed_record(message="\n", seed=3),
        make_record(cell=make_cell(label=ATTACK, task=ATTACK), notes=[ATTACK]),
    )
    with Display(console, [Cell(record.cell, Named("any"), "a") for record in records]) as display:
        for record in records:
            display.finish(record)
        description = display.describe()
    said = console.file.getvalue() + description  # type: ignore[attr-defined]
    assert "\x1b[2J" not in said
    assert "title\x07" not in said and "\x9b" not in said and "\u202e" not in said and "\x00" not in said
    assert "[bold]x[/bold]" in said


def test_an_error_is_one_plain_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise DataError(f"{ATTACK}: no such folder")

    monkeypatch.setattr("bench.report.report", fail)
    result = bench("report")
    assert result.exit_code == 2
    assert len(result.output.splitlines()) == 1
    assert result.output.strip().isprintable()
