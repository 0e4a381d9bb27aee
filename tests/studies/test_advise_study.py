"""The study of the advice: what is compared with what."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

import studies.advise.__main__ as study
from bench.advise import Advice, Asked
from bench.advise.advice import Choice
from bench.errors import UsageError
from bench.kinds.metrics import Metric
from bench.store.record import Record
from bench.store.store import Store
from studies.advise.compare import row, table
from tests.factories import make_cell, make_record


def advice(label: str) -> Advice:
    chosen = Choice(label=label, backbone="bundled", family="head", score=0.6, folds=[0.6])
    return Advice(
        task="tiny", source="tiny", kind="classification", metric="accuracy (%)", classes=2, available=8, examples=8, folds=1,
        of_folds=4, held_out=8, seed=1, recommended=chosen, expected=0.55, low=0.4, high=0.7, interval="some",
    )  # fmt: skip


def scored(label: str, score: float, **cell: object) -> Record:
    changes = {"label": label, "method": label, "family": "head", "shots": 4, **cell}
    return make_record(cell=make_cell(**changes), metrics={"accuracy": Metric(score)})


RECORDS = [
    scored("lora", 0.7),
    scored("coop", 0.5),
    scored("zero-shot", 0.3, family="zero-shot", shots=0, seed=0),
    scored("other-seed", 0.9, seed=2),
    scored("other-size", 0.9, shots=16),
    scored("other-task", 0.9, task="another"),
]


def test_the_advised_is_compared_with_the_best_on_the_same_support() -> None:
    found = row(advice("coop"), 4, RECORDS)
    assert (found.score, found.best, found.most, found.untrained) == (0.5, "lora", 0.7, 0.3)
    assert found.lost == pytest.approx(0.2) and found.mean == pytest.approx(0.5) and not found.near and found.held
    best = row(advice("lora"), 4, RECORDS)
    assert best.near and best.lost == 0


def test_another_value_of_a_parameter_stands_for_its_defaults() -> None:
    assert row(advice("coop[lr=0.1]"), 4, RECORDS).score == 0.5


def test_a_run_that_lacks_the_method_is_one_line() -> None:
    with pytest.raises(UsageError, match="no score of lora on tiny at 16 shots, seed 1: run python -m bench run"):
        row(advice("lora"), 16, RECORDS)


def test_the_table_ends_with_the_share_of_cells_near_the_best() -> None:
    lines = table([row(advice(name), 4, RECORDS) for name in ("coop", "lora")])
    assert len(lines) == 4
    assert lines[-1] == (
        "within 1 point of the best: 1 of 2; lost on average: 10.0 points; test score within the interval: 2 of 2"
    )
    assert table([]) == lines[:1]


def test_each_task_and_size_is_advised_on_in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Asked] = []

    def advise(one: Asked, console: object) -> Advice:
        asked.append(one)
        return advice("lora")

    monkeypatch.setattr(study.api, "advise", advise)
    store = Store(tmp_path)
    store.prepare()
    for record in (*RECORDS, scored("lora", 0.8, shots=16)):
        store.append(msgspec.structs.replace(record, record_id=f"{record.cell.label}-{record.cell.shots}-{record.cell.task}"))
    arguments = ["--tasks", "digits,sketches", "--shots", "4,16", "--results", str(tmp_path), "--out", str(tmp_path / "study")]
    result = CliRunner().invoke(study.main, arguments)
    assert result.exit_code == 0, result.output
    assert [(one.source, one.shots, one.out.name) for one in asked] == [
        ("digits", 4, "digits-4"), ("digits", 16, "digits-16"), ("sketches", 4, "sketches-4"), ("sketches", 16, "sketches-16"),
    ]  # fmt: skip
    assert "within 1 point of the best: 2 of 4; lost on average: 5.0 points" in result.output
