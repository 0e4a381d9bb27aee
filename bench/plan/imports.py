"""Which modules a source text imports, and which file a name stands for; nothing is imported to find out."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path

Find = Callable[[str], Path | None]  # from a module's name to its file, None for what isn't looked into
NOT_OWN = {"bench", "methods", "tasks"}  # packages of this project, which a folder of plug-ins may happen to hold, too


def sources(start: Mapping[str, Path], find: Find, package: str = "") -> dict[str, bytes]:
    """The sources of the modules in `start` and of all that these import, as far as `find` knows their files.

    A module that goes by the name "" in `start` is in `package`.
    """
    found: dict[str, bytes] = {}
    wanted = dict(start)
    while wanted:
        name, file = wanted.popitem()
        found[name] = file.read_bytes()
        parent = (name if file.stem == "__init__" else name.rpartition(".")[0]) if name else package
        wanted |= {other: there for other in imported(found[name], parent) - found.keys() if (there := find(other))}
    return found


@lru_cache
def imported(source: bytes, package: str = "") -> frozenset[str]:
    """Names of all modules that the import statements of a source may mean, those inside functions and the parents included.

    `from a import b` may mean the module a.b. Relative imports start from `package`. Empty for what can't be parsed.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return frozenset()
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = _base(node, package)
            names |= {base, *(f"{base}.{alias.name}" if base else alias.name for alias in node.names)}
    parts = [name.split(".") for name in names if name]
    return frozenset(".".join(each[:length]) for each in parts for length in range(1, len(each) + 1))


def _base(node: ast.ImportFrom, package: str) -> str:
    if not node.level:
        return node.module or ""
    parents = package.split(".") if package else []
    return ".".join([*parents[: len(parents) - node.level + 1], *([node.module] if node.module else [])])


def beside(folder: Path, name: str) -> Path | None:
    """The file in a folder, or below, that a module of this name would be read from; None if there is none."""
    if name.partition(".")[0] in NOT_OWN:
        return None
    return module_file([folder], name)


def module_file(folders: list[Path], name: str) -> Path | None:
    """The file of the module `name` in the first of the folders that has it, None if none has; the name "" is the folder."""
    for folder in folders:
        place = folder.joinpath(*name.split(".")) if name else folder
        for file in (place / "__init__.py", place.with_name(f"{place.name}.py")):
            if file.is_file():
                return file
    return None
