"""Plug-ins: Python files given by path, and what other packages advertise as entry points.

What a plug-in offers, methods or tasks, is looked for by those who know what these are.
"""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from collections.abc import Callable
from importlib.machinery import SourceFileLoader
from importlib.metadata import entry_points
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from bench.plugins.imports import beside, sources

PREFIX = "bench_plugin_"  # begins the names of the modules of files, which have none of their own

_loaded: dict[Path, tuple[bytes, ModuleType]] = {}


class _Uncached(SourceFileLoader):
    """Compiles what the file holds: Python's cache may be of an older text of the same length and second."""

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self.get_data(self.path), self.path)


def each_plugin(group: str, files: tuple[Path, ...], add: Callable[[Any, str], None]) -> dict[str, str]:
    """Call `add` with what each entry point of the group gives and the module of each file, and with the name to call it by.

    Returns what is broken with the reason why; it stops nothing.
    """
    broken: dict[str, str] = {}
    sources: list[tuple[str, Callable[[], Any]]] = [(point.value, point.load) for point in entry_points(group=group)]
    sources += [(str(path), lambda path=path: module_of(path)) for path in files]  # type: ignore[misc]
    for origin, load in sources:
        try:
            add(load(), origin)
        except Exception as error:
            broken[origin] = f"{type(error).__name__}: {error}"
    return broken


def module_of(path: Path) -> ModuleType:
    """A file's module, loaded once per process and again only when the file has changed; it may import what lies beside it.

    Raises FileNotFoundError for what is no Python file, ImportError if what it imports from beside it is hidden by another
    module of that name, and whatever the file raises.
    """
    where = path.resolve()
    name = f"{PREFIX}{path.stem}_{hashlib.sha256(str(where).encode()).hexdigest()[:8]}"
    spec = importlib.util.spec_from_file_location(name, where, loader=_Uncached(name, str(where)))
    if spec is None or spec.loader is None or where.suffix != ".py" or not where.is_file():
        raise FileNotFoundError(f"{path} is not a Python file")
    source = where.read_bytes()
    if where in _loaded and _loaded[where][0] == source:
        return _loaded[where][1]
    if str(where.parent) not in sys.path:
        sys.path.append(str(where.parent))
        importlib.invalidate_caches()
    _check_hidden(where)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    _loaded[where] = source, module
    return module


def _check_hidden(file: Path) -> None:
    """Two plug-ins may each have a `helper.py` beside them; the second would silently get the first one's."""
    for name in sorted(sources({"": file}, lambda name: beside(file.parent, name)).keys() - {""}):
        mine = beside(file.parent, name)
        if "." in name or mine is None:
            continue  # a package that is the right one has the right modules
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None or Path(spec.origin).resolve() != mine.resolve():
            other = "something else" if spec is None else spec.origin
            raise ImportError(f"'import {name}' gives {other}, not {mine}: give the file another name")
