"""Suites: a table that the field reads, as a file that says what is run for it and that a user can copy.

Each file beside this one is a suite, and so is any TOML file of the same keys given by its path.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

import msgspec

from bench.errors import DataError, UsageError, unknown
from tasks.base import Sources
from tasks.catalog import ENTRIES
from tasks.find import find_task

HERE = Path(__file__).parent


class Took(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long it took where, by somebody's measurement."""

    where: str
    minutes: float


class Suite(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a file says; each key but `about` and `took` is the option of `run` of that name, and what is typed goes before it."""

    about: str
    tasks: tuple[str, ...]
    shots: str
    methods: str = "all"
    seeds: str = "1,2,3"
    backbone: str = "bundled"
    protocol: str = "fixed"
    recipe: str = "tuned"
    evaluate: tuple[str, ...] = ()
    took: tuple[Took, ...] = ()

    def option(self, name: str) -> str:
        """As it is typed."""
        value = getattr(self, name)
        return value if isinstance(value, str) else ",".join(value)

    @property
    def needed(self) -> list[str]:
        """Sources of all tasks that are fitted or scored, without what is made of them."""
        named = [name.removeprefix("task:") for name in self.evaluate if name.startswith("task:")]
        return list(dict.fromkeys([*self.tasks, *named]))


def suite_names() -> list[str]:
    return sorted(path.stem for path in HERE.glob("*.toml"))


def load_suite(name: str) -> Suite:
    """A suite by its name, or by the path of a file. Raises UsageError that names file and remedy."""
    path = Path(name) if name.endswith(".toml") else HERE / f"{name}.toml"
    if not name.endswith(".toml") and name not in suite_names():
        raise unknown("suite", name, [*suite_names(), "FILE.toml"])
    try:
        return msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), Suite)
    except FileNotFoundError as error:
        raise UsageError(f"--suite {path}: no such file: copy one of {HERE}/, or say {', '.join(suite_names())}") from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise UsageError(f"--suite {path}: not a suite ({error}): compare it with those in {HERE}/") from error


def missing(suite: Suite, sources: Sources) -> dict[str, str]:
    """Needed tasks whose data aren't here and can't be downloaded -> what is missing; touches no network."""
    found = {}
    for name in suite.needed:
        entry = ENTRIES.get(name)
        if entry is not None:
            state = entry.state(sources)
            if not state.startswith(("ready", "would download")) and "else downloads" not in state:
                found[name] = state
        else:
            try:
                find_task(name, sources)
            except (DataError, UsageError) as error:
                found[name] = str(error)
    return found


def check_data(name: str, suite: Suite, sources: Sources) -> None:
    """Raises UsageError that says what a suite lacks, and what of it can run."""
    lacking = missing(suite, sources)
    if not lacking:
        return
    there = [task for task in suite.tasks if task not in lacking]
    reasons = "; ".join(f"{task}: {state}" for task, state in lacking.items())
    remedy = f"the rest can run: --suite {name} --tasks {','.join(there)}" if there else "none of its tasks can run"
    others = [entry for entry in suite.evaluate if entry.removeprefix("task:") not in lacking]
    if there and len(others) < len(suite.evaluate):
        remedy += f" --evaluate {','.join(others) or 'none'}"
    raise UsageError(f"suite {name} lacks data: {reasons} (--data-root, docs/data.md says where from); {remedy}")
