"""What a column sorts by agrees with what it shows."""

from __future__ import annotations

import re

import pytest

from bench.report import summarise_records
from bench.report.text.columns import columns, figures, task_figures
from tests.report.factory import failed_record, make_record, realistic

TABLE = summarise_records(
    [*realistic(), make_record("lora", "digits", 16, 1, 0.9), failed_record(method="coop", task="left-of")]
).tables[0]
SHOWN = columns(TABLE)


@pytest.mark.parametrize("position", range(len(SHOWN)), ids=[column.title for column in SHOWN])
def test_numbers_follow_the_text(position: int) -> None:
    found = [figures(row, SHOWN)[position] for row in TABLE.rows]
    if SHOWN[position].title == "gaps":
        assert [figure.number for figure in found] == [row.missing + row.failed + row.not_applicable for row in TABLE.rows]
        return
    assert any(figure.text for figure in found)
    assert [figure.number is None for figure in found] == [not figure.text for figure in found]
    if SHOWN[position].title == "Pareto":
        assert [figure.number for figure in found] == [len(row.pareto) or None for row in TABLE.rows]
        return
    by_number = sorted((figure for figure in found if figure.number is not None), key=lambda figure: figure.number or 0)
    # The first number of the text; rounding may make neighbours equal, never turn them round.
    read = [float(re.sub(r"[~,+[]", "", re.split(r", | |%", figure.text)[0])) for figure in by_number]
    assert read == sorted(read)


def test_empty_columns_are_left_out() -> None:
    titles = [column.title for column in SHOWN]
    assert "joules, measured" not in titles
    assert "joules, estimated" in titles
    assert len(titles) == len(set(titles))


def test_tasks_sort_by_their_means() -> None:
    row = next(row for row in TABLE.rows if row.label == "lora")
    found = task_figures(row, "digits", TABLE.shots)
    assert [figure.text.split(" ")[0] for figure in found] == [f"{100 * (figure.number or 0):.1f}" for figure in found]
    assert task_figures(row, "no such task", TABLE.shots)[0].number is None
