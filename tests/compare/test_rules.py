"""Rules are read as they are written, and junk is one line that says how to write them."""

from __future__ import annotations

import math

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from bench.compare.rules import Rule, parse_rule
from bench.errors import UsageError

NAMES = st.sampled_from(["accuracy", "time", "joules", "memory", "mean_recall@1", "log_loss", "größe", "a+b", "-", "%"])
RULES = st.builds(Rule, NAMES, st.sampled_from("+-"), st.floats(0, 1e308, allow_nan=False), st.booleans())


@given(RULES)
@example(Rule("accuracy", "-", 0.0))
@example(Rule("time", "+", 5e-324, True))
@example(Rule("time", "+", 1e22, True))
def test_a_rule_that_is_written_is_read_back(rule: Rule) -> None:
    assert parse_rule(str(rule)) == rule


@given(RULES, st.text(" \t", max_size=2))
def test_blanks_do_not_matter(rule: Rule, blank: str) -> None:
    metric, _, rest = str(rule).rpartition(":")
    assert parse_rule(f"{blank}{metric}{blank}:{blank}{rest[0]}{blank}{rest[1:]}{blank}") == rule


@given(st.text() | st.text("accury:+-.0123456789e% \n", max_size=15))
@example("accuracy:-1e999")
@example("accuracy:-nan")
@example("accuracy:-1_0")
@example("accuracy:-\u0661")  # a digit elsewhere
def test_junk_is_refused_in_one_line_that_says_how(text: str) -> None:
    try:
        rule = parse_rule(text)
    except UsageError as error:
        assert "write METRIC:-NUMBER" in str(error)
        assert len(str(error).splitlines()) == 1
    else:
        assert rule.amount >= 0 and math.isfinite(rule.amount) and parse_rule(str(rule)) == rule


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("accuracy:-1.0", Rule("accuracy", "-", 1.0)),
        ("time:+20%", Rule("time", "+", 20.0, True)),
        ("mean_recall@1:-.5", Rule("mean_recall@1", "-", 0.5)),
        ("memory:+1E2", Rule("memory", "+", 100.0)),
    ],
)
def test_worked_rules(text: str, rule: Rule) -> None:
    assert parse_rule(text) == rule


@pytest.mark.parametrize(
    "text", ["", "accuracy", "accuracy:1.0", "accuracy-1", ":-1", "accuracy:--1", "accuracy:-1%%", "accuracy:\u22121", "a:b:-1"]
)
def test_what_is_no_rule(text: str) -> None:
    with pytest.raises(UsageError, match="can't read the rule"):
        parse_rule(text)


@pytest.mark.parametrize(
    ("text", "before", "after", "broken"),
    [
        ("accuracy:-1.0", 70.0, 68.9, True),
        ("accuracy:-1.0", 70.0, 69.0, False),  # exactly as much is not beyond
        ("accuracy:-1.0", 70.3, 69.3, False),  # as a sum of floats it is 1.0000000000000000 and a little
        ("accuracy:-1.0", 70.0, 90.0, False),
        ("accuracy:-0", 70.0, 69.9, True),
        ("accuracy:-0", 70.0, 70.0, False),
        ("accuracy:+1", 70.0, 71.5, True),
        ("accuracy:-2%", 50.0, 49.1, False),
        ("accuracy:-2%", 50.0, 48.9, True),
        ("time:+20%", 10.0, 12.1, True),
        ("time:+20%", 10.0, 11.9, False),
        ("parameters:+20%", 0.0, 0.0, False),
        ("parameters:+20%", 0.0, 1.0, True),
        ("loss:-20%", -1.0, -1.1, False),
        ("loss:-20%", -1.0, -1.3, True),
    ],
)
def test_which_changes_break_a_rule(text: str, before: float, after: float, broken: bool) -> None:
    assert parse_rule(text).is_broken_by(before, after) is broken


@given(st.floats(0, 100), st.floats(0, 100), st.floats(0, 50), st.booleans())
def test_swapping_runs_and_sign_changes_nothing(before: float, after: float, amount: float, relative: bool) -> None:
    assume(not relative)
    falls, rises = Rule("accuracy", "-", amount), Rule("accuracy", "+", amount)
    assert falls.is_broken_by(before, after) == rises.is_broken_by(after, before)
