"""Tasks of plug-ins: `Task`s, alone or in a list, of a Python file's module or behind an entry point `bench.tasks`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any

from bench.plugins import each_plugin
from tasks.base import Task

UNTYPABLE = set(",:[]")  # what means something else where tasks are named


@dataclass
class Plugged:
    """Tasks of plug-ins by name, and what couldn't be read or isn't taken with the reason why.

    taken: the names of other tasks, and of groups of tasks, with where they come from.
    """

    taken: Mapping[str, str]
    tasks: dict[str, Task] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)
    _found: dict[str, tuple[Task, str]] = field(default_factory=dict)  # as they were given, and by whom

    def add(self, value: Any, origin: str) -> None:
        """Take the tasks that a plug-in gives: a task, a list of them, or a module of such."""
        for task in _tasks(value):
            given, other = self._found.get(task.name, (None, self.taken.get(task.name)))
            if given is task:
                continue  # imported from another plug-in, or named twice
            if other is not None:
                self.broken[origin] = f"the name {task.name!r} is already taken by {other}"
            elif not task.name.strip() or task.name != task.name.strip() or UNTYPABLE & set(task.name):
                self.broken[origin] = f"{task.name!r} can't be the name of a task: leave out commas, colons, brackets"
            else:
                self._found[task.name] = task, origin
                self.tasks[task.name] = _with_origin(task, origin)


def plugged_tasks(plugins: tuple[Path, ...], taken: Mapping[str, str], known: Iterable[Task]) -> Plugged:
    """The tasks of all plug-ins; what is broken is listed and stops nothing. known: tasks that a plug-in may import."""
    plugged = Plugged(taken, _found={task.name: (task, taken[task.name]) for task in known})
    plugged.broken |= each_plugin("bench.tasks", plugins, plugged.add)
    return plugged


def _tasks(value: Any) -> list[Task]:
    values = vars(value).values() if isinstance(value, ModuleType) else [value]
    groups = (each if isinstance(each, list | tuple) else [each] for each in values)
    return [task for group in groups for task in group if isinstance(task, Task)]


def _with_origin(task: Task, origin: str) -> Task:
    """Records say where data come from, but not where on this machine a file lies."""
    name = Path(origin).name if origin.endswith(".py") else origin
    return replace(task, origin=f"plug-in {name}") if task.origin == Task.origin else task
