"""Notes and how to read are plain sentences; each writer escapes them. The terminal has room for what is most needed."""

from __future__ import annotations

import html
import io

import msgspec
import pytest
from rich.console import Console

from bench.kinds.metrics import Metric
from bench.report import summarise_records, terminal_table
from bench.report.page import render_page
from bench.report.text.leaderboard import leaderboard
from bench.report.text.reading import how_to_read
from bench.report.text.terminal import WIDTH
from bench.store.record import Record, Training
from bench.text import markdown, markdown_figure, plain
from bench.tuned import Tables
from tests.report.factory import make_record, realistic

RECORDS = realistic(["zero-shot", "lora", "coop"], tasks=("a", "b", "c"), shots=(4,))


def test_sentences_are_plain_and_every_writer_escapes_them() -> None:
    summary = summarise_records(RECORDS)
    (table,) = summary.tables
    sentences = [*how_to_read(table), *table.notes]
    assert any("(~)" in sentence for sentence in sentences) and not any("\\" in sentence for sentence in sentences)
    assert all(plain(sentence) == sentence for sentence in sentences)
    page, web = leaderboard(summary, {}), html.unescape(render_page(summary, RECORDS, {}))
    assert all(f"- {markdown(sentence)}\n" in page and f"<li>{sentence}</li>" in web for sentence in sentences)


def test_figures_stay_readable_in_markdown() -> None:
    assert markdown_figure("[65.6, 68.6]") == "[65.6, 68.6]"
    assert markdown_figure("+31.1") == "+31.1"
    assert markdown_figure("~58.5") == r"\~58.5"


@pytest.mark.parametrize(
    ("factors", "said"),
    [((20.0, 20.0), "lora 20.0"), ((12.5, 20.0), "lora 12.5 to 20.0"), ((1.0, 1.0), None), ((None, None), None)],
)
def test_by_what_the_rates_were_multiplied(factors: tuple[float | None, ...], said: str | None) -> None:
    records = [
        make_record(seed=seed, training=Training(asked_steps=800, run_steps=40, capped=True, batch=32, rate_factor=factor))
        for seed, factor in enumerate(factors)
    ]
    (table,) = summarise_records(records).tables
    assert "Capped by the step budget: lora: asked 800 steps, run 40." in table.notes
    told = [note for note in table.notes if note.startswith("Rates")]
    assert told == ([] if said is None else [f"Rates are the published ones times: {said}."])


def test_methods_that_have_not_arrived_are_named_under_the_bundled_budget_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {"f00d": Tables("bundled", arrived={"lora": (0.5, 0.53), "coop": (0.5, 0.51), "vpt": (0.5, 0.9)})}
    monkeypatch.setattr("bench.report.text.notes.tables", lambda: found)
    records = [make_record(method, recipe=recipe, fingerprint="f00d") for method in ("lora", "coop") for recipe in RECIPES]
    notes = {table.section.recipe: table.notes for table in summarise_records(records).tables}
    named = {recipe: [note for note in told if "Not arrived" in note] for recipe, told in notes.items()}
    assert not named["paper"] and len(named["tuned"]) == 1 and named["tuned"][0].endswith("points or more: lora.")


RECIPES = ("tuned", "paper")


def printed(records: list[Record]) -> str:
    console = Console(file=io.StringIO(), width=WIDTH)
    console.print(terminal_table(summarise_records(records)))
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


def test_a_wide_table_leaves_out_what_is_least_needed() -> None:
    ways = ("image_to_text_recall", "text_to_image_recall")
    recalls = {f"{way}@{k}": Metric(0.5) for way in ways for k in (1, 5, 10)}
    few = [
        msgspec.structs.replace(record, metrics={**record.metrics, **recalls})
        for record in realistic(["lora", "coop"], tasks=("a", "b", "c"), shots=(1, 4), kind="retrieval")
    ]
    others = {f"zero_shot/another-task-{number}": Metric(0.25) for number in range(5)}
    many = [msgspec.structs.replace(record, metrics={**record.metrics, **others}) for record in few]
    (head,) = (line for line in printed(few).splitlines() if line.lstrip().startswith("method"))
    assert [head.split().count(name) for name in ("R@1", "R@5", "R@10", "bootstrap", "KiB")] == [2, 2, 2, 1, 1]
    (head,) = (line for line in printed(many).splitlines() if line.lstrip().startswith("method"))
    assert [head.split().count(name) for name in ("R@1", "R@5", "R@10", "bootstrap", "KiB")] == [2, 2, 2, 0, 0]
    assert "another-task-4" in head and "seconds" in head and "…" not in head
