"""Which step budget is in force, and how `--recipe` is read."""

import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.errors import UsageError
from bench.plan.budget import QUICK_BUDGET, Allowance, Terms, parse_recipe
from bench.tuned import Tuned
from methods.base import FAMILIES
from tasks.base import Budget
from tests.report.factory import make_record

TASK = Budget(head_steps=300, prompt_steps=150, encoder_steps=48)
CHOSEN = Tuned(rate=3.0, length=10.0)


def allowed(terms: Terms, quick: bool = False, task: Budget | None = TASK, family: str = "prompt") -> Allowance:
    return terms.allowance(quick, task, family, CHOSEN)


def test_the_task_caps_and_what_was_chosen_for_it_holds_unless_told_otherwise() -> None:
    assert allowed(Terms()) == Allowance(150, 3.0, 10.0)
    assert allowed(Terms(), task=None) == Allowance()
    paper = Terms("paper")
    assert allowed(paper) == allowed(paper, quick=True) == Allowance(terms=paper)


def test_a_quick_cell_has_the_same_budget_on_any_task() -> None:
    assert allowed(Terms(), quick=True) == allowed(Terms(), True, None) == Allowance(QUICK_BUDGET.prompt_steps, 3.0, 10.0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tuned,rate=2,length=4", (600, 6.0, 40.0)),
        ("paper,rate=2,length=4", (None, 2.0, 4.0)),
        ("steps=70,rate=2,length=4", (70, 2.0, 4.0)),
        ("rate=0.5", (150, 1.5, 10.0)),
    ],
)
def test_rate_and_length_multiply_what_the_mode_gives(text: str, expected: tuple[int | None, float, float]) -> None:
    found = allowed(parse_recipe(text))
    assert (found.cap, found.rate, found.length) == expected


@given(st.integers(1, 10_000), st.none() | st.integers(1, 500), st.floats(0.01, 50))
def test_steps_are_the_recipes_times_the_length_and_never_above_the_cap(asked: int, cap: int | None, length: float) -> None:
    steps = Allowance(cap, length=length).steps(asked)
    assert 1 <= steps <= (cap or math.inf)
    assert steps == cap or abs(steps - asked * length) <= 0.5 or steps == 1
    assert Allowance(cap, length=length).steps(0) == 0


@pytest.mark.parametrize("task", [TASK, None])
@pytest.mark.parametrize("quick", [True, False])
@pytest.mark.parametrize("family", [family for family in FAMILIES if family != "zero-shot"])
def test_a_number_of_steps_holds_for_every_task_and_family_at_published_rates(
    task: Budget | None, quick: bool, family: str
) -> None:
    found = allowed(parse_recipe("steps=400"), quick, task, family)
    assert (found.cap, found.rate, found.length) == (400, 1.0, 1.0)


def test_families_have_caps_of_their_own_and_nobody_else_has_one() -> None:
    caps = {family: allowed(Terms(), family=family).cap for family in FAMILIES}
    assert caps == {"zero-shot": 0, "head": 300, "prompt": 150, "inside the encoder": 48, "full": 48}
    with pytest.raises(KeyError):
        allowed(Terms(), family="heads")


TERMS = st.builds(
    Terms,
    mode=st.sampled_from(["tuned", "paper"]),
    batch=st.none() | st.integers(10, 10**9 - 1),
    negatives=st.none() | st.integers(1, 9),
    chunk=st.none() | st.integers(1, 10**9 - 1),
    lr=st.none() | st.sampled_from([1e-5, 0.0003, 1.0, 12.5]),
    rate=st.none() | st.sampled_from([1e-3, 0.3, 30.0]),
    length=st.none() | st.sampled_from([0.25, 4.0]),
) | st.builds(Terms, steps=st.integers(1, 10**9 - 1), batch=st.none() | st.integers(1, 10**9 - 1))


@given(TERMS)
def test_terms_are_read_as_they_are_written_and_stored(terms: Terms) -> None:
    assert parse_recipe(str(terms)) == terms
    assert parse_recipe(f" {' , '.join(str(terms).split(','))} ") == terms
    info = msgspec.structs.replace(make_record().cell, recipe=str(terms))
    assert msgspec.json.decode(msgspec.json.encode(info), type=type(info)) == info


def test_what_stands_in_for_the_recipes_own_leaves_the_budget_as_it_is() -> None:
    assert str(parse_recipe("chunk=64,batch=512")) == "tuned,batch=512,chunk=64"
    assert parse_recipe("paper,negatives=local").negatives == 128


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
        "batch=0",
        "chunk=0",
        "negatives=0",
        "batch=1,batch=2",
        "lr=0",
        "lr=nan",
        "lr=-1",
        "rate=0",
        "rate=1.2.3",
        "length=1000",
        "speed=3",
    ],
)
def test_anything_else_is_refused_by_name(text: str) -> None:
    with pytest.raises(UsageError, match="tuned, paper, or steps=N") as caught:
        parse_recipe(text)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("text", ["tuned,paper", "paper,steps=4"])
def test_budgets_exclude_each_other(text: str) -> None:
    with pytest.raises(UsageError, match="exclude each other"):
        parse_recipe(text)


def test_negatives_within_more_than_the_batch_are_refused() -> None:
    with pytest.raises(UsageError, match="negatives=128 changes nothing with a batch of 64"):
        parse_recipe("batch=64,negatives=local")


def test_a_record_of_another_recipe_is_refused() -> None:
    text = msgspec.json.encode(make_record().cell).replace(b'"recipe":"capped"', b'"recipe":"../x"')
    assert b"../x" in text
    with pytest.raises(msgspec.ValidationError, match="recipe"):
        msgspec.json.decode(text, type=type(make_record().cell))
