"""`list tasks`: all that there is by name with what it needs, without touching the network."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tasks.bundled import TASKS
from tasks.catalog import ENTRIES
from tasks.find import SCHEMES
from tests.stores import bench
from tests.tasks.catalog.miniature import write_layout
from tests.tasks.catalog.test_layouts import BY_NAME
from tests.tasks.test_plugged import plugin


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(socket.socket, "connect", lambda *arguments: pytest.fail("the network was touched"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("BENCH_DATA", raising=False)


def test_sizes_are_told_without_loading(monkeypatch: pytest.MonkeyPatch) -> None:
    for task in TASKS:
        assert task.sizes == {split: len(task.load(split)) for split in ("train", "val", "test")}, task.name
    monkeypatch.setattr("tasks.base.Split.__post_init__", lambda split: pytest.fail("a split was loaded"))
    assert bench("list", "tasks").exit_code == 0


def test_every_task_and_scheme_is_listed_with_what_it_needs() -> None:
    text = bench("list", "tasks").output
    assert all(f"\n{name} " in text for name in [*(task.name for task in TASKS), *ENTRIES])
    assert all(f"{scheme}:PATH" in text for scheme in SCHEMES)
    row = next(line.split() for line in text.splitlines() if line.startswith("ucf101 "))
    assert row[:6] == ["ucf101", "classification", "101", "7,639", "1,898", "3,783"]
    assert " ".join(row[6:]) == "not stated needs ucf101/"


def test_what_the_data_root_has_is_ready(tmp_path: Path) -> None:
    disk = BY_NAME["food101"].disk
    assert disk is not None
    write_layout(tmp_path, disk)
    line = next(
        line for line in bench("list", "tasks", "--data-root", tmp_path).output.splitlines() if line.startswith("food101")
    )
    assert line.rstrip().endswith("ready in the")  # "data root" is on the next line
    missing = bench("list", "tasks", "--data-root", tmp_path / "nowhere")
    assert missing.exit_code == 2 and len(missing.output.strip().splitlines()) == 1


def test_on_a_narrow_screen_nothing_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rich.console.Console.is_terminal", True)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")
    lines = [line.rstrip() for line in bench("list", "tasks").output.splitlines()]
    assert max(map(len, lines)) <= 80
    place = next(number for number, line in enumerate(lines) if line.startswith("ucf101 "))
    assert lines[place].split() == ["ucf101", "101", "7,639", "1,898", "3,783"]
    assert lines[place + 1] == "    classification; licence: not stated; needs ucf101/"
    assert all(name in "\n".join(lines) for name in ENTRIES)


def test_the_tasks_of_a_plug_in_are_listed_and_what_is_broken_in_it_is_told(tmp_path: Path) -> None:
    path = plugin(tmp_path, 'ALL = [task("lighter-side"), task("digits")]')
    output = bench("list", "tasks", "--plugin", path).output
    (row,) = (line for line in output.splitlines() if line.startswith("lighter-side "))
    assert "ready, plug-in" in row
    assert f"plug-in {path} left out: the name 'digits' is already taken by tasks.bundled" in " ".join(output.split())
