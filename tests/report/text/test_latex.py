"""LaTeX tables: a choice of columns at a size that can be read, the best in bold, no rows without anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.errors import UsageError
from bench.report import Choices, summarise_records, write_report
from bench.report.text.latex import leaderboard_tex
from tests.report.factory import failed_record, make_record, realistic

NONE = failed_record("not_applicable", method="none", task="a")
SUMMARY = summarise_records([*realistic(["zero-shot", "lora", "coop"], tasks=("a", "b"), shots=(1, 4)), NONE])


def lines_of(text: str) -> dict[str, list[str]]:
    rows = [line.removesuffix(r" \\").split(" & ") for line in text.splitlines() if line.endswith(r" \\")]
    return {row[0]: row[1:] for row in rows}


def test_the_usual_columns_fit_a_page() -> None:
    text = leaderboard_tex(SUMMARY)
    rows = lines_of(text)
    assert rows["method"] == ["1 shot", "4 shots", "gain", "trained parameters", "seconds"]
    assert "none" not in rows and len(rows) == 4 and "% Without a score, and left out: none" in text
    assert "resizebox" not in text


def test_the_best_score_of_a_column_is_bold_and_nothing_else() -> None:
    rows = lines_of(leaderboard_tex(SUMMARY, ["4 shots", "trained"]))
    assert rows["method"] == ["4 shots", "trained parameters"]
    means = {row.label: found.mean for row in SUMMARY.tables[0].rows if (found := row.scores[4]) is not None}
    best = max(means, key=lambda label: means[label])
    assert [name for name, row in rows.items() if row[0].startswith(r"\textbf{")] == [best]
    assert not any("textbf" in row[1] for row in rows.values())


def test_a_column_that_no_table_has_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--columns points: no such column: take some of 1 shot, 4 shots"):
        leaderboard_tex(SUMMARY, ["points"])
    with pytest.raises(UsageError, match="--columns points"):
        write_report([make_record()], tmp_path / "out", Choices(columns=("points",)))
    assert not (tmp_path / "out").exists()


def test_a_caption_holds_no_path() -> None:
    text = leaderboard_tex(summarise_records([make_record(backbone="ViT-B-16//home/me/runs/epoch_5.pt")]))
    assert "home" not in text and "epoch" in text
