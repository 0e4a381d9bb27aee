"""LaTeX, JSON and the order of rows."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.errors import UsageError
from bench.report import summarise_records
from bench.report.numbers.sorting import COLUMNS, sort_rows
from bench.report.text.exports import leaderboard_json
from bench.report.text.latex import leaderboard_tex
from bench.text import latex, plain
from tests.report.factory import failed_record, make_record, realistic

RECORDS = realistic(["zero-shot", "lora", "coop", "full"], tasks=("a", "b"), shots=(1, 4), seeds=(1, 2))


@given(st.text("abc\\\\&%$#_{}~^<>|`[]-\n\x1b", max_size=30))
def test_latex_reads_back_as_the_text(text: str) -> None:
    names = {"textbackslash": "\\", "textasciitilde": "~", "textasciicircum": "^", "textless": "<", "textgreater": ">"}
    names |= {"textbar": "|", "textasciigrave": "`"}
    back = ""
    for command, escaped, group, other in re.findall(r"\\([a-z]+)\{\}|\\([&%$#_{}])|\{([\[\]-])\}|(.)", latex(text)):
        assert other == "" or other in "abc "
        back += names[command] if command else escaped + group + other
    assert back == plain(text)


def test_latex_tables_are_whole() -> None:
    records = [
        *RECORDS,
        *(make_record("a&b_c", label="a&b_c[x=1]", task=task) for task in "ab"),
        failed_record(method="coop", task="a", shots=4, seed=3),
    ]
    page = leaderboard_tex(summarise_records(records))
    rows = [line for line in page.splitlines() if line.endswith(r" \\")]
    assert len(rows) == 1 + 5
    assert len({len(re.findall(r"(?<!\\)&", line)) for line in rows}) == 1
    assert any(line.startswith(r"a\&b\_c{[}x=1{]} ") for line in rows)
    assert page.count(r"\begin{") == page.count(r"\end{") == 2


def test_json_holds_the_figures_of_the_rows() -> None:
    summary = summarise_records(RECORDS)
    (table,) = json.loads(leaderboard_json(summary))["tables"]
    assert [row["label"] for row in table["rows"]] == [row.label for row in summary.tables[0].rows]
    ours, found = summary.tables[0].rows[0], table["rows"][0]
    assert ours.scores[4] is not None
    assert found["scores"]["4"]["mean"] == ours.scores[4].mean
    assert found["costs"]["stored_range"] == list(ours.costs.stored_range or ())
    assert {entry["task"] for entry in found["task_costs"]} == {"a", "b"}


@pytest.mark.parametrize("column", [*COLUMNS, "1"])
def test_sorting_changes_the_order_alone(column: str) -> None:
    summary = summarise_records([*RECORDS, failed_record(method="broken", task="a", shots=4, seed=1)])
    rows = sort_rows(summary, column).tables[0].rows
    assert sorted(row.label for row in rows) == sorted(row.label for row in summary.tables[0].rows)
    if column not in ("method", "joules"):
        assert rows[-1].label == "broken"


def test_sorted_by_seconds_and_by_a_column_that_is_not_there() -> None:
    rows = sort_rows(summarise_records(RECORDS), "seconds").tables[0].rows
    seconds = [row.costs.seconds for row in rows]
    assert seconds == sorted(seconds, key=lambda value: value or 0.0)
    with pytest.raises(UsageError, match="--sort colour: no such column: take one of score, 1, 4, method"):
        sort_rows(summarise_records(RECORDS), "colour")
