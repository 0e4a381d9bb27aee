"""Which step budget is in force."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.errors import UsageError
from bench.plan.budget import QUICK_BUDGET, budget, parse_recipe
from tasks.base import Budget
from tests.report.factory import make_record

TASK = Budget(head_steps=300, prompt_steps=150, encoder_steps=48, stretch=20.0)


def test_the_task_caps_unless_told_otherwise() -> None:
    assert budget("capped", False, TASK) is TASK
    assert budget("capped", False, None) is None
    assert budget("paper", False, TASK) is None
    assert budget("paper", True, TASK) is None


def test_a_quick_cell_has_the_same_budget_on_any_task() -> None:
    assert budget("capped", True, TASK) is QUICK_BUDGET is budget("capped", True, None)


@pytest.mark.parametrize("task", [TASK, None])
@pytest.mark.parametrize("quick", [True, False])
@pytest.mark.parametrize("family", ["head", "prompt", "inside the encoder", "full", "variant"])
def test_a_number_of_steps_holds_for_every_task_and_family_at_published_rates(
    task: Budget | None, quick: bool, family: str
) -> None:
    found = budget("steps=400", quick, task)
    assert found is not None
    assert (found.steps(family), found.stretch) == (400, 1.0)


@given(st.integers(1, 10**9 - 1))
def test_a_recipe_of_steps_is_read_and_stored(steps: int) -> None:
    recipe = parse_recipe(f" steps={steps} ")
    assert recipe == f"steps={steps}"
    info = msgspec.structs.replace(make_record().cell, recipe=recipe)
    assert msgspec.json.decode(msgspec.json.encode(info), type=type(info)) == info


@pytest.mark.parametrize(
    "text",
    [
        "",
        "steps",
        "steps=",
        "steps=0",
        "steps=-3",
        "steps=1.5",
        "steps=01",
        "steps=1e3",
        "Paper",
        "steps=9\n9",
        "400",
        "steps=\u0663",
    ],
)
def test_anything_else_is_refused_by_name(text: str) -> None:
    with pytest.raises(UsageError, match="capped, paper, or steps=N") as caught:
        parse_recipe(text)
    assert len(str(caught.value).splitlines()) == 1


def test_a_record_of_another_recipe_is_refused() -> None:
    text = msgspec.json.encode(make_record().cell).replace(b'"recipe":"capped"', b'"recipe":"../x"')
    assert b"../x" in text
    with pytest.raises(msgspec.ValidationError, match="recipe"):
        msgspec.json.decode(text, type=type(make_record().cell))
