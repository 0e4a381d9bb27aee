"""Attacks from labels and messages, read back by a Markdown parser, a CSV reader and a terminal."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from rich.console import Console

from bench.report import summarise_records, terminal_table, write_report
from bench.report.text.exports import cells_csv
from bench.report.text.leaderboard import leaderboard
from bench.text import file_name, markdown, plain, spreadsheet
from tests.report.factory import failed_record, make_record

ATTACKS = [
    *("a | b", "a\n\n# heading", "`code`", "``` fence", "<script>alert(1)</script>", "<img src=x onerror=alert(1)>"),
    *("[a](javascript:b)", "![i](http://x/y.png)", "https://evil.example", "**bold**", "_under_", "~~gone~~", "&lt;b&gt;"),
    *("\\", "\\|", "a\\", "\x1b[31mred", "\u202eesrever", "a\u2028b", "1. list", "- item", "# title", "> quote"),
    *("[^1]", "***", "---", "===", "\ttab", "$x$", "@someone"),
]
PARSER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


def cell_texts(page: str) -> list[list[str]]:
    """Text of each body row of the page's tables; fails on anything in a cell that is not plain text."""
    rows: list[list[str]] = []
    for token in PARSER.parse(page):
        if token.type == "tr_open":
            rows.append([])
        if token.type == "inline" and token.level >= 4:
            kinds = {child.type for child in token.children or []}
            assert kinds <= {"text", "text_special"}, (kinds, token.content)
            rows[-1].append("".join(child.content for child in token.children or []))
    return rows


@pytest.mark.parametrize("attack", ATTACKS)
def test_attack_stays_text_in_a_table(attack: str) -> None:
    page = f"| a | b |\n| --- | --- |\n| {markdown(attack)} | end |\n"
    assert cell_texts(page)[1] == [plain(attack), "end"]


@given(st.text(max_size=40))
@settings(max_examples=100, deadline=None)
def test_any_text_stays_text(text: str) -> None:
    page = f"| a | b |\n| --- | --- |\n| {markdown(text)} | end |\n"
    assert cell_texts(page)[1] == [plain(text), "end"]


@given(st.text(max_size=40))
@settings(max_examples=60, deadline=None)
def test_any_text_stays_one_heading_and_one_bullet(text: str) -> None:
    words = plain(text)
    for page in (f"## x {markdown(text)}\n", f"- {markdown(text)}\n"):
        inline = [token for token in PARSER.parse(page) if token.type == "inline"]
        shown = "".join(child.content for token in inline for child in token.children or [])
        assert {child.type for token in inline for child in token.children or []} <= {"text", "text_special"}
        assert shown == (f"x {words}".strip() if page.startswith("##") else words)


def test_whole_page_holds_against_attacks_everywhere() -> None:
    records = [
        record
        for attack in ATTACKS
        for record in (
            make_record(method=attack, label=attack, task=attack, family=attack),
            failed_record(message=attack, phase="fit", method="other", task=attack),
        )
    ]
    for attack in ("a\n\n# heading", "<img src=x onerror=alert(1)>", "![i](http://x/y.png)", "\x1b[31mred \u202e"):
        records.append(make_record(fingerprint=attack, backbone=attack, precision=attack))
    summary = summarise_records(records)
    page = leaderboard(summary, {})
    tokens = PARSER.parse(page)
    assert not {token.type for token in tokens} & {
        "html_block",
        "fence",
        "code_block",
        "blockquote_open",
        "hr",
        "ordered_list_open",
    }
    assert not {child.type for token in tokens for child in token.children or []} & {"html_inline", "image", "em", "code_inline"}
    texts = cell_texts(page)
    for attack in ATTACKS:
        assert [plain(attack), plain(attack), "50.0"] in texts
        assert any(plain(attack) == cells[5] for cells in texts if cells[:2] == ["other", plain(attack)] and len(cells) == 7)
    console = Console(file=io.StringIO(), width=300, force_terminal=True, color_system=None)
    console.print(terminal_table(summary))
    output = console.file.getvalue()  # type: ignore[attr-defined]
    assert "\x1b[31m" not in output
    assert "\u202e" not in output


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "\n=x", "\uff1dx"])
def test_formulas_get_an_apostrophe(text: str) -> None:
    safe = "'" + text.replace("\r", "\n")
    assert spreadsheet(text) == safe
    summary = summarise_records([make_record(method=text, label=text, task=text), failed_record(message=text)])
    with io.StringIO(cells_csv(summary), newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["label"] for row in rows} == {safe, "lora"}
    assert safe in {row["error_message"] for row in rows}
    assert not any(value.startswith(("=", "+", "@", "\t", "\r")) for row in rows for value in row.values())


def test_numbers_are_left_alone() -> None:
    summary = summarise_records([make_record(score=-0.5, seed=-3)])
    row = next(csv.DictReader(io.StringIO(cells_csv(summary))))
    assert (float(row["score"]), int(row["seed"]), int(row["trainable"])) == (-0.5, -3, 1000)


def test_file_names_cannot_leave_the_folder(tmp_path: Path) -> None:
    records = [make_record(backbone="../../../etc/passwd"), make_record(backbone="..\\..\\ETC passwd", fingerprint="b")]
    write_report(records, tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out"]
    assert len(list((tmp_path / "out" / "plots").glob("*-shots.svg"))) == 2
    assert file_name("../..") == "unnamed"
