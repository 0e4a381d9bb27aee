"""The whole report: files, bytes, errors, and its numbers as text."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from bench.errors import StoreError
from bench.kinds.metrics import Metric
from bench.report import summarise_records, terminal_table, write_report
from bench.report.page.cells import collect
from bench.report.text import display
from bench.report.text.exports import cells_csv, leaderboard_csv
from bench.store.record import Bytes, Joules, Seconds, Training
from bench.store.store import Store
from tests.report.factory import failed_record, make_record, realistic

FEW = realistic(["zero-shot", "lora"], tasks=("a", "b"), shots=(1, 4), seeds=(1, 2))


def test_writes_the_same_files_again(tmp_path: Path) -> None:
    records = [*FEW, failed_record("oom", "no memory left", task="a", seed=9)]
    names = ("leaderboard.md", "leaderboard.csv", "leaderboard.tex", "leaderboard.json", "cells.csv", "index.html")
    summary = write_report(iter(records), tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {*names, "plots"}
    first = [(tmp_path / name).read_bytes() for name in names]
    write_report(records[::-1], tmp_path)
    assert [(tmp_path / name).read_bytes() for name in names] == first
    page = first[0].decode()
    assert "no memory left" in page.split("\n## Failures\n")[1]
    assert page.count("![") == 6
    for path in (line.split("](")[1][:-1] for line in page.splitlines() if line.startswith("![")):
        assert (tmp_path / path).is_file()
    assert len(summary.frame) == len(records)


def test_reads_what_a_store_counts(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.prepare()
    for record in (failed_record(task="a"), make_record(task="a"), make_record(task="a", seed=2)):
        store.append(record)
    summary = write_report(store.latest().values(), tmp_path)
    assert summary.failures.empty
    assert summary.tables[0].rows[0].tasks["a"][4].ok == 2


def test_no_records(tmp_path: Path) -> None:
    summary = write_report([], tmp_path)
    assert "no records yet" in (tmp_path / "leaderboard.md").read_text(encoding="utf-8")
    assert (tmp_path / "cells.csv").read_text(encoding="utf-8").startswith("label,task,shots,seed,status,score,kind,backbone")
    assert printed(summary) == "no records yet\n"


def test_a_folder_that_cannot_be_written_is_a_store_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    with pytest.raises(StoreError, match="can't write the report"):
        write_report(FEW, tmp_path / "file")


def printed(summary: object) -> str:
    console = Console(file=io.StringIO(), width=200)
    console.print(terminal_table(summary))  # type: ignore[arg-type]
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


def test_terminal_shows_brackets_and_figures() -> None:
    records = [
        make_record("coop", label="coop[n_ctx=4]", score=0.5),
        make_record("coop", label="coop[n_ctx=4]", score=0.6, seed=2),
    ]
    text = printed(summarise_records(records))
    assert "coop[n_ctx=4]" in text
    assert "55.0 ± 63.5" in text  # t(0.975, 1) * 0.0707 / sqrt(2)


def test_cells_hold_every_figure() -> None:
    (row,) = csv.DictReader(io.StringIO(cells_csv(summarise_records([make_record(score=0.25)]))))
    expected = {
        **{"label": "lora", "task": "digits", "shots": "4", "seed": "1", "status": "ok", "score": "0.25", "trainable": "1000"},
        **{"share": "0.01", "stored_bytes": "4096", "seconds_total": "3.5", "seconds_bank": "1.0", "joules_total": "25.0"},
        **{"energy_quality": "measured", "energy_source": "rapl", "memory_total_bytes": str(2**20), "capped": "False"},
        **{"memory_source": "process high-water mark", "protocol": "fixed", "backbone": "bundled", "quick": "False"},
    }
    assert {name: row[name] for name in expected} == expected


def test_nothing_that_a_record_measures_is_left_out_of_cells() -> None:
    """And the page's drill-down says it, too, where a user would look first."""
    record = make_record(
        training=Training(
            asked_steps=4800, run_steps=48, capped=True, batch=32, rate_factor=20.0, loss=[2.5, 0.5], chosen={"lr": 0.001},
            warmup_s=0.25, steps_per_s=12.5, samples_per_s=400.0,
        ),
        time_s=Seconds(
            bank=1.0, fit=2.0, predict=0.5, total=3.5, cpu_per_phase={"bank": 0.9, "fit": 1.9, "predict": 0.4},
            device_per_phase={"bank": None, "fit": 1.5, "predict": 0.25},
        ),
        energy_j=Joules(total=25.0, quality="measured", source="nvml", scope="GPU", idle_watts=70.0, repeated={"predict": 9}),
        memory_bytes=Bytes(total=3 * 2**20, reserved_per_phase={"bank": None, "fit": 8 * 2**20, "predict": 4 * 2**20}),
        metrics={"accuracy": Metric(0.5), "log_loss": Metric(1.25, higher_is_better=False)},
    )  # fmt: skip
    summary = summarise_records([record])
    (row,) = csv.DictReader(io.StringIO(cells_csv(summary)))
    expected = {
        **{
            "rate_factor": "20.0",
            "warmup_seconds": "0.25",
            "steps_per_second": "12.5",
            "samples_per_second": "400.0",
            "chosen": '{"lr": 0.001}',
        },
        **{"loss": "[2.5, 0.5]", "cpu_seconds_fit": "1.9", "device_seconds_fit": "1.5", "device_seconds_predict": "0.25"},
        **{"idle_watts": "70.0", "energy_repeated_predict": "9", "memory_reserved_fit_bytes": str(8 * 2**20)},
        **{"metric_accuracy": "0.5", "metric_log_loss": "1.25"},
    }
    assert {name: row[name] for name in expected} == expected
    (cell,) = collect(summary, {}).data["tables"][0]["cells"][0]
    assert cell[-1] == (
        "48 of 4,800 steps at 12.5 a second (400 samples); rates x 20.0; warm-up 0.250 s; bank 1.00, fit 2.00, predict 0.500 s; "
        "1.75 s on the device; peak 3.00 MiB; 8.00 MiB reserved; 25.0 J (predicting as the mean of 9 runs); 70.0 W idle; "
        "chosen lr = 0.001"
    )


def test_leaderboard_csv_has_means_and_tasks() -> None:
    rows = list(csv.DictReader(io.StringIO(leaderboard_csv(summarise_records(FEW)))))
    lora = [row for row in rows if row["label"] == "lora"]
    assert [(row["scope"], row["task"], row["shots"]) for row in lora] == [
        *[("all tasks", "", "1"), ("all tasks", "", "4")],
        *[("one task", task, shots) for task in "ab" for shots in ("1", "4")],
    ]
    assert {row["seeds"] for row in lora} == {"2"}
    assert lora[1]["rank"] and not lora[0]["rank"]
    assert sum(float(row["mean"]) for row in lora[3::2]) / 2 == pytest.approx(float(lora[1]["mean"]))


def test_records_with_nothing_in_them() -> None:
    bare = make_record(
        score=None, status="crashed", parameters=None, time_s=None, energy_j=None, memory_bytes=None, training=None
    )
    bare = msgspec.structs.replace(bare, provenance=None, data=None)
    summary = summarise_records([bare])
    assert summary.tables[0].rows[0].failed == 1
    assert summary.failures["error_message"].tolist() == [""]
    assert cells_csv(summary).count("\n") == 2


def test_numbers_as_text() -> None:
    shown = [display.significant(value) for value in (0, 0.01234, 1.2345, 12.345, 999.6, 12345.6, None)]
    assert shown == ["0", "0.0123", "1.23", "12.3", "1,000", "12,300", ""]
    assert display.share_range((0.0012345, 0.0012345)) == "0.12%"
    assert display.share_range((0.0, 0.5)) == "0 to 50%"
    assert display.whole_range((1000, 2000)) == "1,000 to 2,000"
    assert display.points(-0.012) == "-1.2"
    assert display.p_value(0.0001) == "< 0.001"
