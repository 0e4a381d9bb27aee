"""The page in headless Chromium: sorting, filtering and drill-down as a reader does them, by mouse and by keyboard."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest

from bench.report import summarise_records, write_report
from bench.report.page import render_page
from tests.report.factory import failed_record, make_record, realistic
from tests.report.page.browser import Browser, chromium
from tests.report.page.test_page import HOSTILE, MIXED, TRACE, hostile_records

PROGRAM = chromium()
pytestmark = pytest.mark.skipif(PROGRAM is None, reason="no Chromium is installed: apt-get install chromium")

NAMES = (
    "[...document.querySelectorAll('#table-0 .methods tbody > tr:not(.detail-row):not([hidden])')].map(row => row.dataset.label)"
)


@pytest.fixture(scope="module")
def window() -> Iterator[Browser]:
    assert PROGRAM is not None
    with Browser(PROGRAM) as browser:
        yield browser


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out: Path = tmp_path_factory.mktemp("page")
    write_report(MIXED, out)
    return out


@pytest.fixture
def page(window: Browser, folder: Path) -> Iterator[Browser]:
    window.messages.clear()
    window.requests.clear()
    window.resize(1280)
    window.prefer("light")
    window.open(folder / "index.html")
    window.value("localStorage.clear()")
    yield window
    assert window.messages == []
    assert {address.split(":")[0] for address in window.requests} <= {"file", "data"}


def column(page: Browser, number: int) -> list[float | None]:
    found = page.value(
        "[...document.querySelectorAll('#table-0 .methods tbody > tr:not(.detail-row)')]"
        f".map(row => row.cells[{number}].dataset.value ?? null)"
    )
    return [None if value is None else float(value) for value in found]


def header(number: int) -> str:
    return f"#table-0 .methods thead th:nth-child({number}) button"


def sorted_as(page: Browser) -> list[str | None]:
    sorts: list[str | None] = page.value(
        "[...document.querySelectorAll('#table-0 .methods thead th')].map(head => head.getAttribute('aria-sort'))"
    )
    return sorts


def with_gaps_last(values: list[float | None], *, falling: bool) -> list[float | None]:
    known = sorted((value for value in values if value is not None), reverse=falling)
    return [*known, *[None] * (len(values) - len(known))]


def test_a_click_on_a_header_sorts_and_another_turns_the_order(page: Browser) -> None:
    assert sorted_as(page)[3] == "descending"  # four shots, as the leaderboard does
    for direction in ("descending", "ascending"):
        page.click(header(3))
        values = column(page, 2)
        assert len(set(values)) > 2
        assert values == with_gaps_last(values, falling=direction == "descending")
        assert [sort for sort in sorted_as(page) if sort] == [direction]
        assert sorted_as(page)[2] == direction
    page.click(header(1))
    assert page.value(NAMES) == ["coop", "lora", "tip", "zero-shot"]


def test_filters_by_name_family_and_kind(page: Browser) -> None:
    page.write("#by-name", "LO")
    assert page.value(NAMES) == ["lora"]
    assert page.value("document.getElementById('said').textContent") == "1 of 4 methods"
    page.write("#by-name", "no such method")
    assert page.value(NAMES) == []
    assert page.value("getComputedStyle(document.querySelector('#table-0 .none')).display") != "none"
    page.write("#by-name", " ")
    choose = "((field, value) => {{ field.value = value; field.dispatchEvent(new Event('input', {{bubbles: true}})); }})"
    choose += "(document.getElementById('{}'), '{}')"
    page.value(choose.format("by-family", "prompt"))
    assert page.value(NAMES) == ["coop"]
    page.value(choose.format("by-family", ""))
    page.value(choose.format("by-kind", "pair"))
    shown = (
        "[...document.querySelectorAll('.board[data-kind]')].filter(board => board.offsetHeight).map(board => board.dataset.kind)"
    )
    assert page.value(shown) == ["pair"]
    assert page.value("document.querySelectorAll('#failures tbody tr:not([hidden])').length") == 0


def drilled(page: Browser, under: str) -> list[list[str]]:
    rows: list[list[str]] = page.value(
        f'[...document.querySelectorAll("{under} .cells > tbody > tr")].map(row => [...row.cells].map(cell => cell.textContent))'
    )
    return rows


def test_a_row_opens_to_its_cells_and_stays_with_them(page: Browser) -> None:
    opener = "#table-0 .methods tr[data-label='lora'] .open"
    page.click(opener)
    rows = drilled(page, "#table-0 .methods tr[data-label='lora'] + .detail-row")
    expected = [
        [record.cell.task, str(record.cell.shots), str(record.cell.seed), f"{100 * record.metrics['accuracy'].value:.1f}"]
        for record in MIXED
        if record.cell.label == "lora" and record.cell.kind == "classification"
    ]
    assert [row[:4] for row in rows] == sorted(expected)
    assert {row[6] for row in rows} == {"ok"}
    assert page.value(f"document.querySelector(\"{opener}\").getAttribute('aria-expanded')") == "true"
    assert "no record" in page.value("document.querySelector('.drill').textContent")  # seed 3 on b, which coop has
    page.click(header(1))
    assert len(drilled(page, "#table-0 .methods tr[data-label='lora'] + .detail-row")) == 8
    page.write("#by-name", "coop")
    assert page.value("document.querySelector('.detail-row').offsetHeight") == 0
    page.write("#by-name", " ")
    page.click(opener)
    assert page.value("document.querySelectorAll('.detail-row').length") == 0


def test_a_click_anywhere_on_a_row_opens_it(page: Browser) -> None:
    row = "#table-0 .methods tr[data-label='lora']"
    page.click(f"{row} > td:nth-child(3)")
    assert drilled(page, f"{row} + .detail-row")
    page.click(f"{row} + .detail-row .cells td")  # in what has opened a click does nothing
    assert drilled(page, f"{row} + .detail-row")
    page.click(f"{row} > td:nth-child(3)")
    assert page.value("document.querySelectorAll('.detail-row').length") == 0


def test_a_link_keeps_the_filter_and_the_order(page: Browser, folder: Path) -> None:
    assert page.value("location.hash") == ""
    page.click(header(3))
    page.click(header(3))
    page.write("#by-name", "o")
    state = page.value("location.hash")
    shown = page.value(NAMES)
    assert "name=o" in state and "ascending" in state and len(shown) < 4
    page.open(folder / "index.html")
    assert page.value(NAMES) != shown
    page.value(f"location.hash = {json.dumps(state)}")
    page.value("new Promise(done => setTimeout(done, 50))")
    assert page.value(NAMES) == shown
    assert sorted_as(page)[2] == "ascending"
    page.value("location.hash = '#sort=table-9,methods,up,x&family=none&name=lora'")  # of another page
    page.value("new Promise(done => setTimeout(done, 50))")
    assert page.value(NAMES) == ["lora"]


def test_costs_are_in_sight_and_other_columns_a_click_away(page: Browser) -> None:
    page.resize(1440)
    title = "[...document.querySelectorAll('#table-0 .methods thead th')].filter(head => head.offsetWidth)"
    seen = page.value(f"{title}.map(head => head.textContent.trim())")
    assert "seconds" in seen and "peak MiB" in seen and "share" not in seen
    assert page.value(f"Math.max(...{title}.map(head => head.getBoundingClientRect().right))") <= 1440
    page.click("#columns")
    assert "share" in page.value(f"{title}.map(head => head.textContent.trim())")
    assert page.value("location.hash") == "#columns=all"
    page.resize(500)
    assert page.value("document.querySelector('#table-0 .scroll').classList.contains('further')")


def test_heads_stay_in_sight(page: Browser) -> None:
    page.resize(900, 260)
    page.value("document.querySelector('#table-0 .scroll').scrollTop = 60")
    head = "document.querySelector('#table-0 .methods thead th').getBoundingClientRect().top"
    assert abs(page.value(f"{head} - document.querySelector('#table-0 .scroll').getBoundingClientRect().top")) < 1


def test_a_long_name_does_not_break_the_width_of_a_phone(window: Browser, tmp_path: Path) -> None:
    name = "lora[" + "x" * 200 + "]"
    write_report([make_record(name, backbone="b" * 150), make_record("coop", "t" * 120, backbone="b" * 150)], tmp_path)
    window.resize(360, 700)
    window.open(tmp_path / "index.html")
    assert window.value("document.documentElement.scrollWidth") == 360
    window.resize(1280)


def test_a_row_by_task_opens_to_the_cells_of_this_task(page: Browser) -> None:
    page.click("#table-0 details summary")
    page.click("#table-0 .tasks tr[data-label='coop'] .open")
    assert {row[0] for row in drilled(page, "#table-0 .tasks")} == {"a"}


def test_a_failure_leads_to_its_traceback(page: Browser) -> None:
    page.click("#failures .open")
    cell, error = drilled(page, "#failures")
    assert cell == ["b", "4", "3", "", "", "", "failed", ""]
    assert error == ["RuntimeError in fit: out of luck" + TRACE]
    assert page.value("document.querySelector('#failures pre').textContent") == TRACE
    assert page.value("document.querySelector('#failures pre').checkVisibility()")
    page.click("#failures .cells summary")
    assert not page.value("document.querySelector('#failures pre').checkVisibility()")


def test_a_failure_leads_to_the_cells_of_its_own_status(window: Browser, tmp_path: Path) -> None:
    alike = [failed_record(status, seed=seed) for seed, status in enumerate(("crashed", "failed", "failed"))]
    silent = msgspec.structs.replace(failed_record("timeout", seed=9), error=None)
    write_report([*alike, silent], tmp_path)
    window.open(tmp_path / "index.html")
    for line, seeds in enumerate((["0"], ["1", "2"], ["9"]), 1):
        opener = f"#failures tbody > tr:nth-child({line}) > th .open"
        window.click(opener)
        rows = drilled(window, "#failures")
        assert [row[2] for row in rows if len(row) > 1] == seeds
        window.click(opener)


def test_everything_by_keyboard(page: Browser) -> None:
    page.value(f"document.querySelector('{header(3)}').focus()")
    for key, direction in (("Enter", "descending"), (" ", "ascending")):
        page.press(key)
        assert sorted_as(page)[2] == direction
    page.press("Tab")
    assert page.value(f"document.activeElement === document.querySelector('{header(4)}')")
    assert page.value("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.value("document.querySelector('#failures .open').focus()")
    page.press("Enter")
    page.press("Tab")
    # A box that scrolls may be a stop on the way.
    while page.value("document.activeElement.tagName") != "SUMMARY":
        page.press("Tab")
    page.press(" ")
    assert not page.value("document.querySelector('#failures .cells details').open")
    page.value("document.querySelector('#failures .open').focus()")
    page.press(" ")
    assert drilled(page, "#failures") == []


def test_light_and_dark(page: Browser, folder: Path) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.value(ground)
    page.prefer("dark")
    dark = page.value(ground)
    assert dark != light
    page.click("#theme")
    assert page.value(ground) == light
    assert page.value("document.getElementById('theme').textContent") == "Dark"
    page.open(folder / "index.html")
    assert page.value(ground) == light  # remembered, whatever the system says
    page.click("#theme")
    assert page.value(ground) == dark


def test_phone_width_scrolls_tables_and_not_the_page(page: Browser) -> None:
    page.resize(360, 700)
    page.click("#table-0 .methods .open")
    assert page.value("document.documentElement.scrollWidth") == 360
    assert page.value("(box => box.scrollWidth > box.clientWidth)(document.querySelector('#table-0 .scroll'))")
    assert page.value("document.querySelector('.drill').getBoundingClientRect().width") <= 360
    # The method stays in sight when the rest is scrolled away.
    page.value("document.querySelector('#table-0 .scroll').scrollLeft = 400")
    assert page.value("document.querySelector('#table-0 .methods tbody th').getBoundingClientRect().left") >= 0


def test_hostile_names_run_nothing(window: Browser, tmp_path: Path) -> None:
    write_report(hostile_records(), tmp_path)
    window.messages.clear()
    window.open(tmp_path / "index.html")
    window.click("#table-0 .methods .open")
    assert window.value("document.querySelector('.cells summary').textContent") == f"{HOSTILE} in {HOSTILE}: {HOSTILE}"
    assert window.value("document.querySelector('.cells pre').textContent") == HOSTILE + TRACE
    assert window.value("document.scripts.length") == 2
    assert window.value("document.querySelectorAll('img').length") == 0
    assert window.messages == []  # an alert would have stopped the page, a refused script is logged


def test_a_script_from_elsewhere_is_refused(page: Browser) -> None:
    page.value("const script = document.createElement('script'); script.textContent = 'window.intruder = 1'; null")
    page.value("document.body.append(script)")
    assert page.value("window.intruder ?? null") is None
    assert any("Content Security Policy" in message for message in page.messages)
    page.messages.clear()


def test_ten_thousand_cells_are_shown_when_asked_for(window: Browser, tmp_path: Path) -> None:
    records = realistic(["zero-shot", "lora", "coop"], tasks=[f"task {number}" for number in range(20)], seeds=range(84))
    assert len(records) > 10_000
    records = [msgspec.structs.replace(record, record_id=str(number)) for number, record in enumerate(records)]
    records.append(make_record("lora", "task 0", shots=1, seed=99))
    write_report(records, tmp_path)
    window.open(tmp_path / "index.html")
    assert window.value("document.querySelectorAll('*').length") < 15_000
    window.click("#table-0 .methods tr[data-label='lora'] .open")
    assert len(drilled(window, "#table-0 .methods")) == 500
    assert "500 of 5041 cells" in window.value("document.querySelector('.more').textContent")
    for _ in range(10):
        window.click(".more")
    assert len(drilled(window, "#table-0 .methods")) == 5041
    assert window.value("document.querySelector('.more')") is None


def test_the_browser_sees_what_a_page_does_wrong(window: Browser, tmp_path: Path) -> None:
    """The checks above can fail: a request and an error are noticed."""
    (tmp_path / "bad.html").write_text("<script>console.log('said'); null.x</script><img src='near.png'>", encoding="utf-8")
    window.messages.clear()
    window.requests.clear()
    window.open(tmp_path / "bad.html")
    assert any("said" in message for message in window.messages)
    assert any("TypeError" in json.dumps(message) for message in window.messages)
    assert any(address.endswith("near.png") for address in window.requests)


def test_an_open_row_stands_against_the_best(window: Browser, tmp_path: Path) -> None:
    records = realistic(["lora", "coop"], tasks=("a", "b"), shots=(4,), seeds=(1, 2))
    right = {"lora": 10, "coop": 7}
    text = render_page(
        summarise_records(records), records, {}, lambda record: (np.arange(12) < right[record.cell.method]).astype(float)
    )
    (tmp_path / "index.html").write_text(text)
    window.messages.clear()
    window.open(tmp_path / "index.html")
    window.click("#table-0 .methods tbody > tr .open")
    said, cells = window.value("[document.querySelector('.drill > p').textContent, document.querySelector('.against').innerText]")
    assert said.startswith("Against ") and "on the same test examples, 4 shots: " in said and "points" in said
    assert [line.split("\t")[0] for line in cells.splitlines()] == ["task", "a", "b"]
    window.click("#table-0 .methods tbody > tr .open")
    assert window.messages == []
