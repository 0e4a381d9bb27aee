"""Finding tasks by name."""

from __future__ import annotations

import pytest

from bench.errors import UsageError
from tasks.find import find_task, task_groups


def test_an_unknown_task_is_answered_with_the_nearest_or_with_all() -> None:
    with pytest.raises(UsageError, match=r"unknown task 'digit': did you mean digits"):
        find_task("digit")
    with pytest.raises(UsageError, match=r"unknown task 'zzzzzzz': known: .*imagefolder:PATH"):
        find_task("zzzzzzz")
    with pytest.raises(UsageError, match=r"unknown source 'zip' in task 'zip:a': use imagefolder:PATH"):
        find_task("zip:a")


def test_every_listed_task_is_found_under_its_name() -> None:
    groups = task_groups()
    assert all(find_task(name).name == name for names in groups.values() for name in names)
    assert {find_task(name).kind for name in groups["core"]} == {"classification", "pair", "retrieval"}
