"""Support sizes by count stand beside shots per class in every table, and are told apart from them."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from bench.errors import UsageError
from bench.report import summarise_records, write_report
from bench.report.numbers import sizes
from bench.report.numbers.sorting import sort_rows
from bench.report.text.exports import cells_csv, leaderboard_csv, leaderboard_json
from bench.report.text.leaderboard import leaderboard
from bench.store.record import Record
from tests.factories import make_cell
from tests.report.factory import make_record


def records() -> list[Record]:
    found = [make_record("zero-shot", shots=0, seed=0, score=0.3)]
    for method, more in (("lora", 0.0), ("coop", 0.1)):
        for seed in (1, 2):
            found.append(make_record(method, shots=4, seed=seed, score=0.5 + more, record_id=f"{method}-4-{seed}"))
            for count, score in ((4, 0.4), (500, 0.8)):
                found.append(
                    make_record(
                        method, shots=count, seed=seed, score=score - more, by_count=True, record_id=f"{method}-n{count}-{seed}"
                    )
                )
    return found


def test_numbers_titles_and_what_is_typed() -> None:
    cells = [make_cell(shots=0), make_cell(shots=1), make_cell(shots=16), make_cell(shots=2, by_count=True)]
    numbers = [sizes.number(cell) for cell in cells]
    assert numbers == sorted(numbers)
    assert [sizes.title(number) for number in numbers] == ["no shots", "1 shot", "16 shots", "n = 2"]
    assert [sizes.typed(number) for number in numbers] == [0, 1, 16, "n=2"]


def test_a_table_has_both_and_ranks_at_the_largest_count() -> None:
    (table,) = summarise_records(records()).tables
    assert [sizes.typed(number) for number in table.shots] == [4, "n=4", "n=500"]
    assert [row.label for row in table.rows] == ["lora", "coop", "zero-shot"]
    scores = {row.label: [round(estimate.mean, 3) for estimate in row.scores.values() if estimate] for row in table.rows}
    assert scores == {"lora": [0.5, 0.4, 0.8], "coop": [0.6, 0.3, 0.7], "zero-shot": [0.3, 0.3, 0.3]}


def test_the_files_speak_of_them_as_typed_or_as_titles() -> None:
    summary = summarise_records(records())
    page = leaderboard(summary, {})
    assert "| method | 4 shots | n = 4 | n = 500 | mean rank |" in page
    assert "costs are at n = 500." in page
    assert "Shots 4, n=4, n=500: means over seeds 1, 2." in page
    cells = list(csv.DictReader(io.StringIO(cells_csv(summary))))
    assert {row["shots"] for row in cells} == {"0", "4", "n=4", "n=500"}
    rows = list(csv.DictReader(io.StringIO(leaderboard_csv(summary))))
    assert [row["shots"] for row in rows if row["label"] == "lora" and row["scope"] == "all tasks"] == ["4", "n=4", "n=500"]
    (table,) = json.loads(leaderboard_json(summary))["tables"]
    assert table["shots"] == [4, "n=4", "n=500"]
    assert list(table["rows"][0]["scores"]) == list(table["rows"][0]["tasks"]["digits"]) == ["4", "n=4", "n=500"]


def test_rows_can_be_sorted_by_one_of_them() -> None:
    summary = summarise_records(records())
    assert [row.label for row in sort_rows(summary, "n=500").tables[0].rows] == ["lora", "coop", "zero-shot"]
    assert [row.label for row in sort_rows(summary, "4").tables[0].rows] == ["coop", "lora", "zero-shot"]
    with pytest.raises(UsageError, match=r"--sort n=7: no such column: take one of score, 4, n=4, n=500, method"):
        sort_rows(summary, "n=7")


def test_the_whole_report_is_written(tmp_path: Path) -> None:
    write_report(records(), tmp_path)
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "n = 500" in page
    assert str(sizes.BY_COUNT)[:6] not in page
    assert "n = 500" in (tmp_path / "leaderboard.tex").read_text(encoding="utf-8")
