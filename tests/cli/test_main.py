"""How the program is called: `python -m bench` where other files have the names of its packages, and `bench`."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from bench.__main__ import hidden, main

ROOT = Path(__file__).parents[2]


def called(folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "bench", "--version"]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", ["tasks.py", "methods.py", "tasks/__init__.py"])
def test_a_file_that_hides_a_package_is_one_line(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("raise RuntimeError('imported')\n")
    told = called(tmp_path)
    assert told.returncode == 2 and told.stdout == ""
    assert told.stderr.startswith(f"error: {tmp_path / name} hides the program's own: ") or str(path.parent) in told.stderr
    assert told.stderr.count("\n") == 1 and "type 'bench'" in told.stderr


def test_folders_of_these_names_hide_nothing(tmp_path: Path) -> None:
    for name in ("tasks", "methods"):
        (tmp_path / name).mkdir()
    told = called(tmp_path)
    assert told.returncode == 0, told.stderr


def test_the_command_is_the_same_program() -> None:
    assert hidden() is None
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert scripts == {"bench": f"{main.__module__}:main"}
