"""Published figures stand beside ours where backbone, split and shots agree, and nowhere else."""

from __future__ import annotations

import json

import pytest
from rich.console import Console

from bench.kinds.metrics import Metric
from bench.plan.grid import _label
from bench.plan.registry import find_methods
from bench.report import Table, summarise_records, terminal_table
from bench.report.numbers.beside import beside, library
from bench.report.numbers.frame import to_frame
from bench.report.numbers.summary import Section
from bench.report.page import render_page
from bench.report.text.exports import leaderboard_json
from bench.report.text.leaderboard import leaderboard
from bench.spec import parse_names
from bench.store.record import Record
from tests.report.factory import make_record

B16 = "ViT-B-16/openai"
ELEVEN = library().groups["coop-11"]


def coop_on_dtd(**changes: object) -> list[Record]:
    given = {"method": "coop", "task": "dtd", "shots": 16, "backbone": B16, **changes}
    return [make_record(seed=seed, score=0.68 + 0.01 * seed, **given) for seed in (1, 2, 3)]  # type: ignore[arg-type]


def tables(records: list[Record]) -> list[Table]:
    return summarise_records(records).tables


def test_a_figure_of_the_same_backbone_task_and_shots_is_shown() -> None:
    (table,) = tables(coop_on_dtd())
    (found,) = table.published
    assert (found.label, found.where, found.shots, found.theirs) == ("coop", "dtd", 16, pytest.approx(0.6987))
    assert found.ours.mean == pytest.approx(0.70) and found.ours.count == 3


@pytest.mark.parametrize(
    "changes",
    [
        {"backbone": "ViT-B-32/openai"}, {"backbone": "bundled"}, {"task": "imagefolder:dtd"}, {"shots": 3}, {"quick": True},
        {"protocol": "val"}, {"method": "lora"}, {"label": "coop[n_ctx=4]"}, {"metrics": {"elsewhere": Metric(0.5)}},
        {"status": "failed"},
    ],
    ids=lambda changes: "-".join(changes),
)  # fmt: skip
def test_whatever_differs_leaves_it_out(changes: dict[str, object]) -> None:
    assert all(not table.published for table in tables(coop_on_dtd(**changes)))


def test_a_split_of_another_origin_leaves_it_out() -> None:
    frame = to_frame(coop_on_dtd()).assign(counts=True)
    section = Section("classification", B16, "f00d", "fixed", "capped", "fp32", False)
    assert len(beside(section, frame)) == 1
    assert beside(section, frame.assign(split_origin="")) == beside(section, frame)
    assert beside(section, frame.assign(split_origin="seeded, not the field's own")) == []


def test_the_mean_of_a_group_needs_all_its_tasks_and_common_seeds() -> None:
    records = [
        make_record("maple", task, 4, seed, 0.7 + 0.01 * seed + 0.001 * place, backbone=B16)
        for place, task in enumerate(ELEVEN)
        for seed in (1, 2, 3)
    ]
    (found,) = tables(records)[0].published
    assert (found.where, found.theirs) == ("mean of 11 tasks", pytest.approx(0.7537))
    assert found.ours.mean == pytest.approx(0.72 + 0.005) and found.ours.count == 3
    (fewer,) = tables(records[:-1])[0].published  # the last task's third seed
    assert fewer.ours.count == 2 and fewer.ours.mean == pytest.approx(0.715 + 0.005)
    assert tables([record for record in records if record.cell.task != "ucf101"])[0].published == []


def test_other_metrics_than_the_headline_are_compared() -> None:
    metrics = {"mean_recall@1": Metric(0.7), "text_to_image_recall@5": Metric(0.86), "image_to_text_recall@5": Metric(0.96)}
    record = make_record("zero-shot", "flickr30k", 0, 0, backbone=B16, kind="retrieval", metrics=metrics)
    found = {row.metric: (row.ours.mean, row.theirs) for row in tables([record])[0].published}
    assert found == {
        "text_to_image_recall@5": (0.86, pytest.approx(0.8554)),
        "image_to_text_recall@5": (0.96, pytest.approx(0.963)),
    }


def test_every_format_shows_them_only_where_there_are_any() -> None:
    records = [*coop_on_dtd(), make_record("zero-shot", "dtd", 0, 0, 0.44, backbone=B16)]
    summary = summarise_records(records)
    console = Console(width=200)
    with console.capture() as printed:
        console.print(terminal_table(summary))
    for text in (leaderboard(summary, {}), printed.get(), render_page(summary, records, {})):
        for part in ("Published figures beside ours", "PromptSRC", "a rerun", "nothing", "70.0 ± 2.5", "69.87", "+0.1"):
            assert part in text
    (row,) = json.loads(leaderboard_json(summary))["tables"][0]["published"]
    assert (row["label"], row["theirs"], row["note"]) == ("coop", pytest.approx(0.6987), "a rerun")
    plain = summarise_records(coop_on_dtd(backbone="bundled"))
    assert "Published figures" not in leaderboard(plain, {})


def test_the_library_names_methods_that_exist_and_shares_that_are_shares() -> None:
    registry = find_methods()
    for row in library().published:
        for label in row.labels:
            (named,) = parse_names(label, "methods")
            method = registry.build(named)
            assert _label(named.name, method.params, type(method).Params(), method.varies) == label  # as a record would have it
        assert all(0 < value < 100 for value in row.values.values())
        assert row.source and (row.task in library().groups or row.task not in registry.methods)
        assert row.chosen == "test" or "best epoch" not in row.note
    assert len(ELEVEN) == 11
