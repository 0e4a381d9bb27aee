"""Finding methods: the folder here, entry points of other packages, a file given by path.

Methods are classes with a `name` in modules of the `methods` package, of packages that advertise an entry
point in the group `bench.methods`, or of a file. The harness knows none of them by name.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import methods
from bench.errors import unknown
from bench.plugins.loading import each_plugin
from bench.spec import Named, build_parameters, parse_names
from methods.base import FAMILIES, Method, NotApplicable, Sees


@dataclass
class Registry:
    """All methods by name; plug-ins that couldn't be read, and methods that had no rows when asked, each with the reason why."""

    methods: dict[str, type[Method]] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)

    def add(self, module: ModuleType, origin: str) -> None:
        for _, value in inspect.getmembers(module, inspect.isclass):
            if issubclass(value, Method) and value.__module__ == module.__name__ and "name" in vars(value):
                if getattr(value, "family", None) not in FAMILIES:
                    self.broken[origin] = f"{value.name!r} is of no known family: take one of {', '.join(FAMILIES)}"
                    continue
                if self.methods.get(value.name, value) is not value:
                    other = self.methods[value.name].__module__
                    self.broken[origin] = f"the name {value.name!r} is already taken by {other}"
                    continue
                self.methods[value.name] = value

    def rows(self, name: str) -> list[Named]:
        """What a method's name alone stands for: the method as it is, or each of its variants. Raises NotApplicable."""
        method = self.methods[name]
        if method.varies is None:
            return [Named(name)]
        return [Named(name, ((method.varies, value),)) for value in method.variants()]

    def all_rows(self) -> list[Named]:
        """Of all methods; those that have none here are `absent` from then on."""
        found: list[Named] = []
        for name in self.methods:
            try:
                found += self.rows(name)
            except NotApplicable as reason:
                self.absent[name] = str(reason)
        return found

    @property
    def groups(self) -> dict[str, list[Named]]:
        """Names that stand for several methods, as these declare."""
        found: dict[str, list[Named]] = {}
        for name, method in self.methods.items():
            for group, parameters in vars(method).get("groups", {}).items():
                found.setdefault(group, []).extend(parse_names(f"{name}[{text}]", "methods")[0] for text in parameters)
        return found

    def build(self, named: Named) -> Method:
        """The method with its parameters. Raises UsageError."""
        if named.name not in self.methods:
            raise unknown("method", named.name, [*self.methods, "all", *self.groups])
        kind = self.methods[named.name]
        return kind(build_parameters(kind.Params, named))


def find_methods(plugins: tuple[Path, ...] = ()) -> Registry:
    """Everything that can be found; what is broken is listed and stops nothing."""
    registry = Registry()
    for found in sorted(pkgutil.iter_modules(methods.__path__), key=lambda module: module.name):
        origin = f"methods/{found.name}.py"
        try:
            registry.add(importlib.import_module(f"methods.{found.name}"), origin)
        except Exception as error:
            registry.broken[origin] = f"{type(error).__name__}: {error}"

    def add(value: Any, origin: str) -> None:
        registry.add(value if isinstance(value, ModuleType) else sys.modules[value.__module__], origin)

    registry.broken |= each_plugin("bench.methods", plugins, add)
    return registry


def how_many(registry: Registry) -> str:
    """How many methods there are, as README and docs/methods.md say it."""
    own = [name for name, method in registry.methods.items() if method.varies is None]
    families = [f"a row for each {registry.methods[name].varies} of `{name}`" for name in registry.methods if name not in own]
    return " and ".join([f"{len(own)} methods", *families])


def told(sees: tuple[Sees, ...]) -> str:
    """What a method uses beyond its support, as text."""
    return ", ".join(sees) or "nothing"


def parameter_fields(method: type[Method]) -> dict[str, Any]:
    """Names and defaults of a method's parameters."""
    defaults = method.Params()
    return {name: getattr(defaults, name) for name in getattr(method.Params, "__dataclass_fields__", {})}
