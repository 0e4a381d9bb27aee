"""The scores of a table are counted once, and further metrics are means of whole rows alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.kinds.metrics import Metric
from bench.report import Table, summarise_records, terminal_table, write_report
from bench.report.numbers import scores
from bench.report.page import render_page
from bench.report.text.exports import leaderboard_csv, leaderboard_json
from bench.report.text.latex import leaderboard_tex
from bench.report.text.leaderboard import leaderboard
from bench.store.record import Record
from tests.report.factory import make_record, realistic

COUNTED = ("complete_scores", "mean_scores", "bootstraps", "rank_methods", "mean_ranks", "reference_baseline", "gains")
COUNTED += ("behind_p", "further_metrics")
SEVERAL = [
    *realistic(["zero-shot", "lora", "coop", "full"], shots=(1, 4)),
    *realistic(["zero-shot", "lora"], tasks=("a", "b"), shots=(4,), kind="pair"),
    *realistic(["lora", "coop"], tasks=("c",), shots=(1, 4, 16), kind="retrieval"),
]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each function that counts scores is called."""
    found: Counter[str] = Counter()

    def counting(name: str, whole: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*given: Any) -> Any:
            found[name] += 1
            return whole(*given)

        return counted

    for name in COUNTED:
        monkeypatch.setattr(scores, name, counting(name, getattr(scores, name)))
    return found


def test_the_scores_of_a_table_are_counted_once(calls: Counter[str], tmp_path: Path) -> None:
    """Per table and shot count, or per table; neither rows, notes nor any file count them again."""
    summary = write_report(SEVERAL, tmp_path)
    render_page(summary, SEVERAL, {})
    terminal_table(summary)
    per_shots = sum(len(table.shots) for table in summary.tables)
    assert (len(summary.tables), per_shots) == (3, 2 + 1 + 3)
    expected = dict.fromkeys(COUNTED, 3) | dict.fromkeys(
        ("complete_scores", "mean_scores", "bootstraps", "rank_methods"), per_shots
    )
    # The first table has enough tasks for a ranking, whose ranks are its.
    assert calls == expected | {"mean_ranks": 2}


FIRST, FIFTH, OTHER = "image_to_text_recall@1", "text_to_image_recall@5", "zero_shot/digits|x"


def recalls(
    label: str, metrics: dict[str, float], tasks: str = "ab", seeds: tuple[int, ...] = (1, 2), shots: int = 4
) -> list[Record]:
    """A record for each task and seed, all with the same further metrics."""
    found = {name: Metric(value) for name, value in {"mean_recall@1": 0.5, **metrics}.items()}
    return [make_record(label, task, shots, seed, kind="retrieval", metrics=found) for task in tasks for seed in seeds]


RETRIEVAL = [
    *recalls("lit", {FIRST: 0.1}, seeds=(1,)),
    *recalls("lit", {FIRST: 0.2}, "a", seeds=(2,)),
    *recalls("lit", {FIRST: 0.4}, "b", seeds=(2,)),
    *recalls("lit", {FIRST: 0.9}, "a", shots=1),
    *recalls("lora", {FIRST: 0.3, FIFTH: 0.7}),
    *recalls("full", {FIRST: 0.9}, seeds=(1,)),
    *recalls("full", {}, seeds=(2,)),
    *recalls("coop", {FIRST: 0.9}, "a"),
    *recalls("zero-shot", {FIRST: 0.25, OTHER: 0.125}, seeds=(0,), shots=0),
]


def only(records: list[Record]) -> Table:
    (table,) = summarise_records(records).tables
    return table


def test_further_metrics_are_means_at_the_largest_shot_count_where_every_cell_has_them() -> None:
    table = only(RETRIEVAL)
    assert list(table.scores.metrics) == [FIRST, FIFTH, OTHER]  # the kind's in its order, then those of other tasks
    assert {row.label: row.metrics for row in table.rows} == {
        "lit": {FIRST: pytest.approx(0.2)},
        "lora": {FIRST: pytest.approx(0.3), FIFTH: pytest.approx(0.7)},
        "full": {},  # one seed lacks it
        "coop": {},  # a task is missing
        "zero-shot": {FIRST: pytest.approx(0.25), OTHER: pytest.approx(0.125)},
    }


def test_every_format_has_them_as_columns() -> None:
    summary = summarise_records(RETRIEVAL)
    page = leaderboard(summary, {})
    assert "| text R&#64;1 | image R&#64;5 | zero-shot digits\\|x |" in page
    assert "| lit | " in page and "| 20.0 |  |  |" in page
    assert "text R&#64;1 (image to text recall&#64;1)" in page and "Zero-shot accuracy on other tasks (digits\\|x)" in page
    html = render_page(summary, RETRIEVAL, {})
    assert all(text in html for text in (">text R@1<", ">image R@5<", ">zero-shot digits|x<", ">20.0</td>"))
    tex = leaderboard_tex(summary, ["text R@1", "image R@5", "zero-shot digits|x", "trained"])
    assert " & text R@1 & image R@5 & zero{-}shot digits\\textbar{}x & " in tex
    header, *lines = leaderboard_csv(summary).splitlines()
    columns = [f"metric_{name}" for name in (FIRST, FIFTH, OTHER)]
    assert header.split(",")[-3:] == columns
    shown = [line.split(",")[-3:] for line in lines if ",lora,lora," in line]
    assert [[f"{float(value or 0):.1f}" for value in values] for values in shown if any(values)] == [["0.3", "0.7", "0.0"]]
    assert f'"{FIFTH}": 0.7' in leaderboard_json(summary)


def test_tables_of_other_kinds_are_as_they_were() -> None:
    records = realistic(["zero-shot", "lora"], tasks=("a",), shots=(4,))
    page = leaderboard(summarise_records(records), {})
    assert "recall" not in page and "candidates" not in page and "other tasks (" not in page
    assert "metric_" not in leaderboard_csv(summarise_records(records))
