"""Who may import whom within the report, and what its files are called."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import bench.report
from bench.kinds import KINDS

ROOT = Path(bench.report.__file__).parent
# Room -> rooms of the report that it may import.
MAY = {
    "numbers": {"numbers"},
    "text": {"numbers", "text"},
    "plots": {"numbers", "text", "plots"},
    "page": {"numbers", "text", "page"},
}
FILES = sorted(path for room in MAY for path in (ROOT / room).glob("*.py"))


def imported(path: Path) -> Iterator[str]:
    """Every module that a file imports."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_numbers_know_no_text_and_text_no_page(path: Path) -> None:
    parts = [name.split(".") for name in imported(path) if name.startswith("bench.report")]
    assert {part[2] for part in parts} <= MAY[path.parent.name]


def test_no_two_files_have_one_name_and_few_stand_outside_a_room() -> None:
    names = [path.name for path in FILES if path.name != "__init__.py"]
    assert len(names) == len(set(names))
    assert len(list(ROOT.glob("*.py"))) <= 9


def test_no_kind_is_asked_for_by_its_name() -> None:
    """What differs by kind is the kind's to say."""
    for path in ROOT.rglob("*.py"):
        constants = {
            node.value for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Constant)
        }
        assert not constants & set(KINDS), path


def test_a_report_loads_no_torch_and_no_backbone() -> None:
    """They take seconds, and it reads records only."""
    code = "import sys, bench.report; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert not {"torch", "open_clip", "transformers", "timm"} & set(loaded)
