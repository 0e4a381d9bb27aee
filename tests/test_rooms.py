"""The house: which room may know which, found in the imports."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from itertools import combinations
from pathlib import Path

ROOT = Path(__file__).parents[1]
TOPS = ("bench", "methods", "tasks", "studies")

# From the ground up: an import goes downwards. Rooms on one floor don't know each other.
FLOORS = (
    {"bench", "bench.errors", "bench.forks", "bench.writing", "bench.text", "methods", "studies"},
    {"bench.spec", "bench.plugins", "bench.tuned"},
    {"tasks", "bench.backbone"},
    {"bench.kinds"},
    {"bench.store"},
    {"bench.meter", "bench.plan", "bench.upkeep", "bench.report"},
    {"bench.features", "bench.compare"},
    {"bench.cell"},
    {"bench.executors"},
    {"bench.advise", "bench.checks"},
    {"bench.api"},
    {"bench.cli"},
    {"bench.__main__", "studies.advise", "studies.budgets", "studies.lilt", "studies.pretrain"},
)
MOST_LINES, MEDIAN_LINES, MOST_FILES = 500, 150, 9


def modules() -> dict[str, Path]:
    found = {}
    for top in TOPS:
        for path in (ROOT / top).rglob("*.py"):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


def imported(path: Path) -> Iterator[str]:
    """Modules of the project, also those imported inside a function or for types alone."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in MODULES)
        elif isinstance(node, ast.ImportFrom) and node.module in MODULES:
            whole = (f"{node.module}.{alias.name}" for alias in node.names)
            yield from (name if name in MODULES else node.module for name in whole)


IMPORTS = {module: sorted(set(imported(path)) - {module}) for module, path in MODULES.items()}


def room(module: str) -> str:
    """`methods` and `tasks` are one room each here; the harness has one per folder or file of its own."""
    parts = module.split(".")
    return parts[0] if parts[0] in ("methods", "tasks") else ".".join(parts[:2])


def folder(module: str) -> Path:
    return MODULES[module].parent


def test_no_import_goes_upwards() -> None:
    floor = {name: number for number, names in enumerate(FLOORS) for name in names}
    assert {room(module) for module in MODULES} == set(floor), "each room stands on one floor"
    wrong = [
        f"{module} imports {other}"
        for module, others in IMPORTS.items()
        for other in others
        if room(other) != room(module) and floor[room(other)] >= floor[room(module)]
    ]
    assert not wrong


def test_no_modules_import_each_other_in_a_circle() -> None:
    try:
        TopologicalSorter(IMPORTS).prepare()
    except CycleError as error:
        raise AssertionError(error.args[1]) from None


def test_methods_know_the_contract_and_nothing_of_the_harness() -> None:
    for module, others in IMPORTS.items():
        if module.startswith("methods"):
            assert all(other.startswith("methods") for other in others), module
        if module.startswith("methods.contract"):
            assert all(other.startswith("methods.contract") for other in others), module


def test_rooms_that_know_each_other_have_no_two_files_of_one_name() -> None:
    known = defaultdict(set)
    for module, others in IMPORTS.items():
        known[folder(module)] |= {folder(other) for other in others}
    for one, other in combinations({folder(module) for module in MODULES}, 2):
        if other in known[one] or one in known[other]:
            both = {path.name for path in one.glob("*.py")} & {path.name for path in other.glob("*.py")}
            assert both <= {"__init__.py", "__main__.py"}, (one, other)


def test_files_are_few_and_short_enough_to_read() -> None:
    for crowded in (ROOT / "bench", ROOT / "bench" / "report"):
        assert len(list(crowded.glob("*.py"))) <= MOST_FILES
    lines = sorted(len(path.read_text().splitlines()) for path in [*MODULES.values(), *(ROOT / "tests").rglob("*.py")])
    assert lines[-1] <= MOST_LINES and lines[len(lines) // 2] <= MEDIAN_LINES
    assert len((ROOT / "methods" / "base.py").read_text().splitlines()) <= 200
