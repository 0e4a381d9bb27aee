"""What a column sorts by agrees with what it shows."""

from __future__ import annotations

import re

import pytest

from bench.report import summarise_records
from bench.report.text.columns import columns, entries, task_entries
from tests.report.factory import failed_record, make_record, realistic

TABLE = summarise_records(
    [*realistic(), make_record("lora", "digits", 16, 1, 0.9), failed_record(method="coop", task="left-of")]
).tables[0]
SHOWN = columns(TABLE)


@pytest.mark.parametrize("position", range(len(SHOWN)), ids=[column.title for column in SHOWN])
def test_numbers_follow_the_text(position: int) -> None:
    found = [entries(row, SHOWN)[position] for row in TABLE.rows]
    if SHOWN[position].title == "gaps":
        assert [entry.number for entry in found] == [row.missing + row.failed + row.not_applicable for row in TABLE.rows]
        return
    assert any(entry.text for entry in found)
    assert [entry.number is None for entry in found] == [not entry.text for entry in found]
    if SHOWN[position].title == "Pareto":
        assert [entry.number for entry in found] == [len(row.pareto) or None for row in TABLE.rows]
        return
    by_number = sorted((entry for entry in found if entry.number is not None), key=lambda entry: entry.number or 0)
    # The first number of the text; rounding may make neighbours equal, never turn them round.
    read = [float(re.sub(r"[~,+[]", "", re.split(r", | |%", entry.text)[0])) for entry in by_number]
    assert read == sorted(read)


def test_empty_columns_are_left_out() -> None:
    titles = [column.title for column in SHOWN]
    assert "joules, measured" not in titles
    assert "joules, estimated" in titles
    assert len(titles) == len(set(titles))


def test_tasks_sort_by_their_means() -> None:
    row = next(row for row in TABLE.rows if row.label == "lora")
    found = task_entries(row, "digits", TABLE.shots)
    assert [entry.text.split(" ")[0] for entry in found] == [f"{100 * (entry.number or 0):.1f}" for entry in found]
    assert task_entries(row, "no such task", TABLE.shots)[0].number is None
