"""Plug-ins are loaded once, whoever asks for them, and may import what lies beside them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bench.plan.registry import find_methods
from bench.plugins import module_of
from tests.plan.test_registry import METHOD


@pytest.fixture(autouse=True)
def own_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])


def test_a_file_is_loaded_once_and_again_when_it_has_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "once.py"
    path.write_text("X = 1")
    first = module_of(path)
    monkeypatch.chdir(tmp_path)
    assert module_of(Path("once.py")) is first
    path.write_text("X = 2")
    assert module_of(path).X == 2


def test_a_file_imports_what_lies_beside_it(tmp_path: Path) -> None:
    (tmp_path / "helper_beside.py").write_text("CONSTANT = 3")
    path = tmp_path / "mine.py"
    path.write_text("from helper_beside import CONSTANT")
    assert module_of(path).CONSTANT == 3
    path.write_text("from helper_beside import CONSTANT  # again")
    module_of(path)
    assert sys.path.count(str(tmp_path)) == 1 and sys.path[-1] == str(tmp_path)  # behind all others


def test_a_helper_that_another_one_hides_is_told(tmp_path: Path) -> None:
    paths = []
    for number in (1, 2):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "helper_of_two.py").write_text(f"CONSTANT = {number}")
        (folder / "mine.py").write_text(f"import helper_of_two\n{METHOD.format(name=f'mine-{number}')}")
        paths.append(folder / "mine.py")
    registry = find_methods(tuple(paths))
    assert "mine-1" in registry.methods and "mine-2" not in registry.methods
    (reason,) = registry.broken.values()
    theirs, ours = (path.parent / "helper_of_two.py" for path in paths)
    assert reason == f"ImportError: 'import helper_of_two' gives {theirs}, not {ours}: give the file another name"


def test_a_file_that_failed_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "mine.py"
    path.write_text("import os\nassert 'BENCH_TEST_GO' in os.environ")
    with pytest.raises(AssertionError):
        module_of(path)
    monkeypatch.setenv("BENCH_TEST_GO", "1")
    module_of(path)
