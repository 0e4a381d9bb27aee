"""For people who script: options from a file, JSON of every table, what a run says of itself, the page on verbs."""

from __future__ import annotations

import json
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from bench.cli import main
from bench.cli.verbs_page import GIVES, verbs_page
from bench.executors.progress import PROGRESS
from bench.upkeep.status import told_progress
from tests.docs.pages import ROOT

TABLES = ("list methods", "list tasks", "list suites", "list backbones", "status OUT", "report --out OUT")


def bench(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("out")
    (folder / "mine.toml").write_text('methods = ["zero-shot", "tip-adapter"]\ntasks = "digits"\nshots = [1, 4]\nquick = true\n')
    told = bench("run", "--config", str(folder / "mine.toml"), "--shots", "1", "--out", str(folder))
    assert told.exit_code == 0, told.output
    return folder


def test_a_run_takes_its_options_from_a_file_unless_they_are_typed(out: Path) -> None:
    found = json.loads(bench("status", str(out), "--json").output)
    assert {(cell["method"], cell["task"]) for cell in found["cells"]} == {("zero-shot", "digits"), ("tip-adapter", "digits")}
    assert found["total"]["ok"] == 2 and not (out / PROGRESS).exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('method = "lora"', "unknown option 'method': did you mean methods"),
        ("[methods]\na = 1", "methods is a table"),
        ("methods =", "can't be read"),
        ('protocol = "other"', "'other' is not one of"),
        (None, "No such file"),
    ],
)
def test_what_a_file_may_not_say_is_one_line(tmp_path: Path, text: str | None, said: str) -> None:
    path = tmp_path / "mine.toml"
    if text is not None:
        path.write_text(text)
    told = bench("run", "--config", str(path), "--dry-run")
    assert told.exit_code == 2 and said in told.output


@pytest.mark.parametrize("words", TABLES)
def test_every_table_is_there_as_json(words: str, out: Path) -> None:
    told = bench(*(str(out) if word == "OUT" else word for word in words.split()), "--json")
    assert told.exit_code == 0 and json.loads(told.stdout)


def test_a_run_is_watched_from_elsewhere(tmp_path: Path) -> None:
    path = tmp_path / PROGRESS
    path.write_text("1/4 cells, running lora on digits\n")
    lines = told_progress(path, every=0)
    assert next(lines) == "1/4 cells, running lora on digits"
    path.write_text("2/4 cells\n")
    assert next(lines) == "2/4 cells"
    path.unlink()
    assert list(lines) == ["the run has ended"]
    assert list(told_progress(path, every=0)) == ["no run is at it"]
    path.write_text("3/4 cells\n")
    assert [line.startswith("3/4 cells (told ") for line in told_progress(path, every=0, stale=-1)] == [True]


def test_the_page_on_verbs_is_of_today() -> None:
    assert isinstance(main, click.Group)
    assert set(main.commands) <= set(GIVES)
    assert (ROOT / "docs" / "verbs.md").read_text(encoding="utf-8") == verbs_page(main)
