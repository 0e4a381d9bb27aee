"""`bench/` knows no method and no task by name: they are found, and say themselves what they are."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import bench
from bench.plan.registry import find_methods
from tasks.find import task_groups

ROOT = Path(bench.__file__).parent
METHODS, TASKS = set(find_methods().methods), set(task_groups()["bundled"])
MODULES = {method.__module__ for method in find_methods().methods.values()} | {"tasks.bundled"}

EXCEPTIONS = {
    "executors/durations.py": {"zero-shot", "full"},  # families, which happen to be called as a method of theirs is
    "store/provenance.py": {"peft"},  # the library, as which the method that bridges to it is called
}


def named(tree: ast.Module) -> Iterator[str]:
    """Modules of methods and tasks that are imported, and their names as strings."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from {alias.name for alias in node.names} & MODULES
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)} & MODULES
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from {node.value} & (METHODS | TASKS)


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_method_and_no_task_is_named(path: Path) -> None:
    found = set(named(ast.parse(path.read_bytes())))
    assert found == EXCEPTIONS.get(str(path.relative_to(ROOT)), set())


@pytest.mark.parametrize(
    "text",
    ["import methods.lora", "from methods import lora", "from methods.lora import LoRA", "x = {'tip-adapter': 1}", "'digits'"],
)
def test_a_name_would_be_found(text: str) -> None:
    assert set(named(ast.parse(text)))
