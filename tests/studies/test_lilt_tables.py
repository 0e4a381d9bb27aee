"""The tables of the study of LilT: means over seeds, best first, nothing invented where nothing is known."""

from __future__ import annotations

from bench.kinds.metrics import Metric
from bench.store.record import Data, Parameters, Record
from studies.lilt.tables import markdown_table, table_lines
from tests.factories import make_cell, make_record


def record(label: str, seed: int, recall: float, pairs: int = 256, **metrics: float) -> Record:
    data = Data(origin="x", classes=0, n_support=pairs, n_val=0, n_test=9, support_hash="", test_hash="")
    found = {"mean_recall@1": recall, "image_to_text_recall@1": recall, "text_to_image_recall@10": 0.5, **metrics}
    return make_record(
        f"{label}{seed}{pairs}",
        make_cell(label=label, kind="retrieval", seed=seed, shots=pairs),
        metrics={name: Metric(value) for name, value in found.items()},
        data=data,
        parameters=Parameters(trainable=1000, total=4000, share=0.25, stored_bytes=2048),
    )


def column(lines: list[list[str]], name: str) -> list[str]:
    return [line[lines[0].index(name)] for line in lines[1:]]


def test_a_line_is_the_mean_over_seeds_and_the_best_stands_first() -> None:
    records = [record("lit", 1, 0.2), record("lit", 2, 0.4), record("full", 1, 0.35), record("lit", 1, 0.1, pairs=64)]
    lines = table_lines(records)
    assert column(lines, "method") == ["lit", "full", "lit"]
    assert column(lines, "pairs") == ["64", "256", "256"]
    assert column(lines, "text R@1") == ["10.0", "35.0", "30.0"]
    assert column(lines, "cells") == ["1", "1", "2"]
    assert column(lines, "image R@10") == ["50.0"] * 3
    assert column(lines, "share") == ["25%"] * 3


def test_other_tasks_have_a_column_each_and_what_is_unknown_is_empty() -> None:
    lines = table_lines([record("lit", 1, 0.2, **{"zero_shot/digits": 0.125}), record("full", 1, 0.3)])
    assert column(lines, "digits") == ["", "12.5"]
    assert column(lines, "seconds") == ["", ""]


def test_only_cells_of_retrieval_with_a_score_are_in_it() -> None:
    others = [make_record(cell=make_cell()), make_record(cell=make_cell(kind="retrieval"), status="failed")]
    assert table_lines(others) == [] and markdown_table(others) == ""
    assert len(table_lines([record("lit", 1, 0.2), *others])) == 2


def test_labels_are_escaped() -> None:
    assert "lit\\[x\\|y\\]" in markdown_table([record("lit[x|y]", 1, 0.2)])
