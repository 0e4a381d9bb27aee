"""Tasks of plug-ins are found beside those that are here, and what is broken stops nothing."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import bench.plugins.loading
from bench.errors import UsageError
from bench.plan.registry import find_methods
from tasks.base import Sources, Task
from tasks.find import find_task, more_tasks

# Which side of a picture is lighter, with few images.
LIGHTER = """
import numpy as np
from PIL import Image
from tasks.base import Augmentation, Split, SplitName, Task

def load(split: SplitName) -> Split:
    count = {"train": 20, "val": 8, "test": 40}[split]
    labels = np.arange(count) % 2

    def image(row: int) -> Image.Image:
        random = np.random.default_rng([8, ("train", "val", "test").index(split), row])
        pixels = random.uniform(60, 120, (64, 64, 3))
        pixels[:, 32 * labels[row] :][:, :32] += 80
        return Image.fromarray(pixels.astype(np.uint8))

    return Split([f"{split}/{row:04d}" for row in range(count)], image, labels)

def task(name: str) -> Task:
    return Task(
        name=name,
        kind="classification",
        version="1",
        class_names=("left", "right"),
        load=load,
        templates=("a photo that is lighter on the {}.",),
        licence="CC0-1.0",
        augmentation=Augmentation(smallest_crop=0.8, flip=False),
    )
"""


def plugin(folder: Path, offered: str = 'LIGHTER = task("lighter-side")', file: str = "lighter.py") -> Path:
    path = folder / file
    path.write_text(LIGHTER + offered)
    return path


@pytest.fixture(autouse=True)
def own_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])


@pytest.mark.parametrize(
    "offered", ['mine = task("lighter-side")', 'ALL = [task("lighter-side")]', 'ALL = task("lighter-side"),']
)
def test_a_file_gives_tasks_alone_or_in_a_list(offered: str, tmp_path: Path) -> None:
    sources = Sources(plugins=(plugin(tmp_path, offered),))
    task = find_task("lighter-side", sources)
    assert len(task.test) == 40 and task.origin == "plug-in lighter.py"
    assert find_task("digits", sources).name == "digits"
    with pytest.raises(UsageError, match="unknown task 'lighter-sid': did you mean lighter-side"):
        find_task("lighter-sid", sources)
    with pytest.raises(UsageError, match="unknown task 'lighter-side'"):
        find_task("lighter-side")


def test_an_origin_that_the_task_states_stays(tmp_path: Path) -> None:
    path = plugin(tmp_path, 'from dataclasses import replace\nA = replace(task("a"), origin="a lamp")')
    assert find_task("a", Sources(plugins=(path,))).origin == "a lamp"


@pytest.mark.parametrize(
    ("name", "holder"), [("digits", "tasks.bundled"), ("dtd", "tasks.catalog"), ("core", "a group of tasks")]
)
def test_a_name_that_is_taken_is_listed_and_the_first_one_stays(name: str, holder: str, tmp_path: Path) -> None:
    path = plugin(tmp_path, f'ALL = [task("{name}"), task("other")]')
    plugged = more_tasks(Sources(plugins=(path,)))
    assert plugged.broken == {str(path): f"the name {name!r} is already taken by {holder}"}
    assert list(plugged.tasks) == ["other"]


def test_a_name_that_another_plug_in_has_is_listed(tmp_path: Path) -> None:
    first, second = plugin(tmp_path), plugin(tmp_path, 'A, B = task("lighter-side"), task("b")', "second.py")
    plugged = more_tasks(Sources(plugins=(first, second)))
    assert plugged.broken == {str(second): f"the name 'lighter-side' is already taken by {first}"}
    assert list(plugged.tasks) == ["lighter-side", "b"]


def test_what_a_file_merely_imports_is_not_its_own(tmp_path: Path) -> None:
    imports = "from tasks.bundled import TASKS\nFIRST = TASKS[0]\nAGAIN = LIGHTER = task('lighter-side')"
    path = plugin(tmp_path, imports)
    (tmp_path / "second.py").write_text(
        f"from bench.plugins.loading import module_of\nL = module_of(__import__('pathlib').Path({str(path)!r})).LIGHTER"
    )
    plugged = more_tasks(Sources(plugins=(path, tmp_path / "second.py", path)))
    assert plugged.broken == {} and list(plugged.tasks) == ["lighter-side"]


@pytest.mark.parametrize("name", ["", "a,b", "a:b", "a[b", " a"])
def test_a_name_that_nobody_could_type_is_listed(name: str, tmp_path: Path) -> None:
    path = plugin(tmp_path, f'A = task("{name}")')
    (reason,) = more_tasks(Sources(plugins=(path,))).broken.values()
    assert reason == f"{name!r} can't be the name of a task: leave out commas, colons, brackets"


def test_a_broken_file_is_listed_and_stops_nothing(tmp_path: Path) -> None:
    broken = plugin(tmp_path, "raise RuntimeError('no licence')", "broken.py")
    plugged = more_tasks(Sources(plugins=(broken, plugin(tmp_path))))
    assert plugged.broken == {str(broken): "RuntimeError: no licence"} and list(plugged.tasks) == ["lighter-side"]


def test_a_file_of_methods_and_tasks_is_loaded_once(tmp_path: Path) -> None:
    counted = tmp_path / "counted"
    path = plugin(tmp_path, f"import os\nos.mkdir({str(counted)!r})\nA = task('a')")  # fails the second time
    for _ in range(2):
        assert find_methods((path,)).broken == more_tasks(Sources(plugins=(path,))).broken == {}
    assert counted.is_dir()


def test_other_packages_add_tasks_as_modules_lists_or_tasks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module: Any = bench.plugins.loading.module_of(plugin(tmp_path))

    def point(value: str, what: Any) -> SimpleNamespace:
        return SimpleNamespace(value=value, load=lambda: what)

    points = [point("theirs", module), point("theirs:alone", module.task("alone")), point("theirs:some", [module.task("some")])]
    monkeypatch.setattr(bench.plugins.loading, "entry_points", lambda group: points if group == "bench.tasks" else [])
    plugged = more_tasks(Sources())
    assert plugged.broken == {} and set(plugged.tasks) == {"lighter-side", "alone", "some"}
    assert isinstance(find_task("some"), Task) and find_task("some").origin == "plug-in theirs:some"
