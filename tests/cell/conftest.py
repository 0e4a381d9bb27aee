"""Quick cells are quicker still in this room: fewer steps and test examples, and few examples of other tasks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench.cell.shared import Shared
from tasks.base import Budget, Sources, SplitName, Task

TEST_EXAMPLES = 20
STEPS = Budget(head_steps=20, prompt_steps=5, encoder_steps=3)


@pytest.fixture(autouse=True)
def quicker(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Shared.other_task

    def few(self: Shared, source: str, sources: Sources) -> Task:
        task = whole(self, source, sources)

        def load(split: SplitName) -> object:
            return task.load(split).part(range(TEST_EXAMPLES))

        return replace(task, load=load)  # type: ignore[arg-type]

    monkeypatch.setattr("bench.cell.attempt.QUICK_TEST", TEST_EXAMPLES)
    monkeypatch.setattr("bench.plan.budget.QUICK_BUDGET", STEPS)
    monkeypatch.setattr(Shared, "other_task", few)
