"""Boards: what records say of other classes, sets and images, as tables of their own."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.kinds.metrics import Metric
from bench.report import summarise_records, write_report
from bench.report.numbers.entries import harmonic
from bench.report.numbers.summary import Summary, Table
from bench.store.record import Elsewhere, Record
from tests.factories import make_cell, make_record

ARROW = "\N{RIGHTWARDS ARROW}"


def accuracy(value: float, **others: float) -> dict[str, Metric]:
    return {name: Metric(number) for name, number in {"accuracy": value, **others}.items()}


def entry(role: str, after: float | None, before: float | None = None, **changes: Any) -> Elsewhere:
    return Elsewhere(
        **{
            **{"source": "x", "task_version": "1", "kind": "classification", "role": role, "n_test": 20},
            **{"by": "" if after is None else "model", "reason": "it knows no names" if after is None else ""},
            **{"metrics": {} if after is None else accuracy(after), "before": {} if before is None else accuracy(before)},
            **changes,
        }
    )


def fitted(label: str, task: str, own: float, seed: int = 1, half: str = "", **elsewhere: Elsewhere) -> Record:
    cell = make_cell(method=label, label=label, task=task, seed=seed, half=half)
    named = {name.replace("_", "-"): found for name, found in elsewhere.items()}
    return make_record(f"{label}-{task}-{seed}-{half}", cell, metrics=accuracy(own), elsewhere=named)


def of_board(summary: Summary, board: str) -> Table:
    (table,) = [table for table in summary.tables if table.section.board == board]
    return table


def test_the_half_that_was_learnt_is_on_the_board_of_new_classes_and_on_no_other() -> None:
    records = [
        fitted("lora", "one-base", 0.8, half="base", one_new=entry("new classes", 0.4)),
        fitted("lora", "two-base", 0.6, half="base", two_new=entry("new classes", 0.6)),
        fitted("linear-probe", "one-base", 0.9, half="base", one_new=entry("new classes", None)),
        fitted("linear-probe", "two-base", 0.9, half="base", two_new=entry("new classes", None)),
    ]
    summary = summarise_records(records)
    assert [table.section.board for table in summary.tables] == ["new classes"]
    table = summary.tables[0]
    assert table.tasks == ("one", "two")
    lora, probe = table.rows
    found = lora.scores[4]
    assert found is not None and found.mean == pytest.approx((2 * 0.8 * 0.4 / 1.2 + 0.6) / 2)
    assert lora.metrics == pytest.approx({"base": 0.7, "new": 0.5})
    assert "by the class texts" not in " ".join(table.notes)
    records[0] = fitted("lora", "one-base", 0.8, half="base", one_new=entry("new classes", 0.4, by="class texts"))
    (again,) = summarise_records(records).tables
    assert "Elsewhere by the class texts, as what they fitted belongs to its own classes: lora." in again.notes
    assert probe.metrics == pytest.approx({"base": 0.9})
    assert probe.scores[4] is None and probe.not_applicable == 2 and probe.failed == 0
    assert summary.not_applicable["error_message"].tolist() == ["it knows no names"] * 2


def test_other_sets_and_domains_are_tasks_by_pairs() -> None:
    others = {"digits": entry("other set", 0.3, 0.5), "copies": entry("domain", 0.6, 0.5)}
    summary = summarise_records([fitted("lora", "sketches", 0.9, **others)])
    assert [table.section.board for table in summary.tables] == ["", "other sets", "shifted domains", "forgetting"]
    assert of_board(summary, "other sets").tasks == (f"sketches {ARROW} digits",)
    assert of_board(summary, "shifted domains").tasks == (f"sketches {ARROW} copies",)


def test_forgetting_is_the_change_against_the_untouched_backbone() -> None:
    records = [
        fitted("lora", "sketches", 0.9, digits=entry("other set", 0.3, 0.5), textures=entry("other set", 0.6, 0.5)),
        fitted("coop", "sketches", 0.7, digits=entry("other set", 0.5, 0.5), textures=entry("other set", 0.5, 0.5)),
    ]
    table = of_board(summarise_records(records), "forgetting")
    assert [row.label for row in table.rows] == ["coop", "lora"]
    found = table.rows[1].scores[4]
    assert found is not None and found.mean == pytest.approx((-0.2 + 0.1) / 2)
    assert table.rows[1].metrics == pytest.approx({"worst": -0.2, "own task": 0.9})


def test_what_was_fitted_to_captions_is_measured_by_class_texts() -> None:
    cell = make_cell(kind="retrieval", task="pairs")
    found = {
        "digits": entry("other set", 0.2, 0.5),
        "more": entry("other set", None, kind="retrieval", metrics={"mean_recall@1": Metric(0.4)}, reason=""),
    }
    record = make_record("r", cell, metrics={"mean_recall@1": Metric(0.5)}, elsewhere=found)
    summary = summarise_records([record])
    forgotten = of_board(summary, "forgetting").rows[0].scores[4]
    assert forgotten is not None and forgotten.mean == pytest.approx(-0.3)
    assert of_board(summary, "other sets").tasks == (f"pairs {ARROW} more",)
    assert of_board(summary, "").rows[0].metrics["zero_shot/digits"] == 0.2


def test_robustness_is_a_share_of_the_clean_accuracy() -> None:
    corrupted = entry("corruption", 0.4, metrics=accuracy(0.4, noise=0.2, **{"strength 1": 0.6}))
    table = of_board(summarise_records([fitted("lora", "sketches", 0.8, sketches_corrupted=corrupted)]), "corrupted images")
    assert table.rows[0].metrics == pytest.approx({"robustness": 0.5, "noise": 0.2, "strength 1": 0.6})


@given(st.floats(0, 1), st.floats(0, 1))
def test_the_harmonic_mean_lies_between_and_nearer_to_the_smaller(base: float, new: float) -> None:
    found = harmonic(base, new)
    assert found is not None and min(base, new) - 1e-12 <= found <= (base + new) / 2 + 1e-12
    assert harmonic(base, None) is None and harmonic(None, new) is None


def test_a_report_has_a_section_a_plot_and_notes_for_each_board(tmp_path: Path) -> None:
    records = [
        fitted(
            label, f"{task}-base", 0.5 + 0.1 * number + 0.02 * seed, seed, "base",
            **{f"{task}_new": entry("new classes", 0.6 - 0.1 * number), "digits": entry("other set", 0.4 - 0.1 * number, 0.4)},
        )
        for (number, label), task, seed in itertools.product(enumerate(("lora", "coop", "full")), ("one", "two"), (1, 2))
    ]  # fmt: skip
    summary = write_report(records, tmp_path)
    page, text = (tmp_path / "index.html").read_text(), (tmp_path / "leaderboard.md").read_text()
    assert {table.section.board for table in summary.tables} == {"new classes", "other sets", "forgetting"}
    assert "<b>12</b> cells finished" in " ".join(page.split()).replace("<strong>", "<b>").replace("</strong>", "</b>")
    for board in ("new classes", "other sets", "forgetting"):
        assert f"Classification, {board}" in page and f"Classification, {board}" in text
    assert "harmonic mean of base and new" in text and "less the untouched backbone" in text
    assert len(list((tmp_path / "plots").glob("*-pairs.svg"))) == 2
    assert not list((tmp_path / "plots").glob("*-losses.svg"))
