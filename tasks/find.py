"""Finding a task by its name: bundled, in the catalogue, of a plug-in, or the user's own data given by a path."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from bench.errors import UsageError, unknown
from tasks import development
from tasks.base import NO_SOURCES, Sources, Task
from tasks.bundled import CORE, QUICK, TASKS
from tasks.catalog import ENTRIES
from tasks.folds import fold_task, parse_fold
from tasks.halves import HALVES, half
from tasks.own.task import READERS, card_task, typed_task
from tasks.plugged import Plugged, plugged_tasks

FOLD = "fold"
OF_TASKS = (*HALVES, FOLD)  # sources that make a task of another

# What a task may be read from when it is given by a path, `SCHEME:PATH`, or made of another, `base:NAME`.
SCHEMES: Mapping[str, Callable[[str, Sources], Task]] = {
    **{scheme: lambda path, sources, scheme=scheme: typed_task(f"{scheme}:{path}", sources.memory) for scheme in READERS},  # type: ignore[misc]
    "card": lambda path, sources: card_task(Path(path).expanduser(), sources.memory),
    **{which: lambda name, sources, which=which: half(find_task(name, sources), which) for which in HALVES},  # type: ignore[misc]
    FOLD: lambda text, sources: _fold(text, sources),
}


def find_task(name: str, sources: Sources = NO_SOURCES) -> Task:
    """A task by its registered name, or `SCHEME:PATH`. Raises UsageError or DataError."""
    scheme, colon, path = name.partition(":")
    if colon:
        if scheme not in SCHEMES:
            known = ", ".join(f"{each}:{'NAME' if each in OF_TASKS else 'PATH'}" for each in SCHEMES)
            raise UsageError(f"unknown source {scheme!r} in task {name!r}: use {known}")
        return SCHEMES[scheme](path, sources)
    bundled = {task.name: task for task in (*TASKS, *development.TASKS)}
    if name in bundled:
        return bundled[name]
    if name in ENTRIES:
        return ENTRIES[name].task(sources)
    plugged = more_tasks(sources).tasks
    if name in plugged:
        return plugged[name]
    raise unknown(
        "task",
        name,
        [*bundled, *ENTRIES, *plugged, *(f"{each}:PATH" for each in SCHEMES if each not in OF_TASKS), *task_groups()],
    )


def _fold(text: str, sources: Sources) -> Task:
    fold, source = parse_fold(text)
    return fold_task(find_task(source, sources), fold)


def more_tasks(sources: Sources) -> Plugged:
    """The tasks of plug-ins, and the plug-ins that are broken."""
    taken = {
        **dict.fromkeys(task_groups(), "a group of tasks"),
        **dict.fromkeys(ENTRIES, "tasks.catalog"),
        **{task.name: "tasks.bundled" for task in TASKS},
        **{task.name: "tasks.development" for task in development.TASKS},
    }
    return plugged_tasks(sources.plugins, taken, TASKS)


def task_groups() -> dict[str, list[str]]:
    """Names that stand for several tasks."""
    bundled = [task.name for task in TASKS]
    developing = [task.name for task in development.TASKS]
    return {"core": list(CORE), "quick": list(QUICK), "bundled": bundled, "all": bundled, "development": developing}
