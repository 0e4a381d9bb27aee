"""The page as text: everything is there, nothing runs that came from records, nothing is loaded."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from bench.report import summarise_records, write_report
from bench.report.numbers.by_example import mcnemar
from bench.report.page import render_page, svg
from bench.report.page.cells import MESSAGE_LENGTH, TRACEBACK_LENGTH
from bench.report.text import display
from bench.store.record import Failure, Record
from tests.report.factory import failed_record, make_record, realistic

HOSTILE = """</script><script>alert("1")</script><img src=x onerror='alert(2)'>{{ 7*7 }}<!--"""
TRACE = 'Traceback (most recent call last):\n  File "<made up>", line 1\n    </pre></script><b>& so on\n'


class Page(HTMLParser):
    """What a browser would find: elements with their attributes, rows of text, the contents of scripts."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.tables: list[tuple[str, list[list[str]]]] = []
        self.texts: list[str] = []
        self.scripts: list[tuple[str | None, str]] = []
        self._cell = self._raw = False
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.elements.append((tag, attributes))
        if tag == "table":
            self.tables.append((attributes.get("class") or "", []))
        elif tag == "tr":
            self.tables[-1][1].append([])
        elif tag in {"td", "th"}:
            self.tables[-1][1][-1].append("")
            self._cell = True
        elif tag in {"script", "style"}:
            self.scripts.append((tag if tag == "style" else attributes.get("type"), ""))
            self._raw = True

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag in {"td", "th"}:
            self._cell = False
        elif tag in {"script", "style"}:
            self._raw = False

    def handle_data(self, data: str) -> None:
        if self._raw:
            kind, text = self.scripts[-1]
            self.scripts[-1] = (kind, text + data)
            return
        self.texts.append(data)
        if self._cell:
            self.tables[-1][1][-1][-1] += data

    def rows(self, kind: str) -> list[list[str]]:
        """Rows of all tables of a class, headers left out, white space at the ends of a cell too."""
        return [[" ".join(cell.split()) for cell in row] for name, rows in self.tables if name == kind for row in rows[1:]]

    @property
    def cells(self) -> Any:
        (found,) = (text for kind, text in self.scripts if kind == "application/json")
        return json.loads(found)


def render(records: list[Record], plots: dict[str, str] | None = None) -> Page:
    summary = summarise_records(records)
    return Page(render_page(summary, records, {table.section: plots or {} for table in summary.tables}))


def failed(**given: Any) -> Record:
    record = failed_record(**given)
    assert record.error is not None
    error = msgspec.structs.replace(record.error, traceback=TRACE)
    return msgspec.structs.replace(record, error=error)


MIXED = [
    *realistic(["zero-shot", "lora", "coop"], tasks=("a", "b"), shots=(1, 4), seeds=(1, 2)),
    failed(method="coop", task="b", shots=4, seed=3),
    failed_record("not_applicable", "not for pairs", phase="plan", method="tip", task="b", shots=4, seed=1),
    make_record(task="q", kind="pair", score=0.25),
]


def test_every_row_and_score_of_the_summary_is_there() -> None:
    summary, page = summarise_records(MIXED), render(MIXED)
    methods, tasks = iter(page.rows("methods")), page.rows("tasks")
    for table in summary.tables:
        for row in table.rows:
            line = next(methods)
            scores = [display.score(row.scores[shots]) for shots in table.shots]
            assert line[: 2 + len(scores)] == [row.label + (" baseline" if row.baseline else ""), row.family, *scores]
            costs = row.costs
            figures = [display.points(row.gain), display.whole_range(costs.trainable_range), display.gaps(row)]
            figures += [display.significant(costs.seconds), display.estimated(costs.joules_estimated)]
            assert {figure for figure in figures if figure} <= set(line)
            for task in table.tasks:
                scores = [display.task_score(row.tasks.get(task, {}).get(shots)) for shots in table.shots]
                mark = " same at all shots" if row.baseline else ""
                assert [row.label + mark, task, *scores] in tasks
        for note in table.notes:
            assert note in page.texts
    assert next(methods, None) is None
    assert len(tasks) == sum(len(table.rows) * len(table.tasks) for table in summary.tables)


def test_every_cell_is_in_the_data() -> None:
    page, summary = render(MIXED), summarise_records(MIXED)
    data = page.cells
    found = {
        (table.section.kind, row.label, of["tasks"][task], shots, seed): (
            score,
            seconds,
            trained,
            data["statuses"][status],
            error,
        )
        for table, of in zip(summary.tables, data["tables"], strict=True)
        for row, cells in zip(table.rows, of["cells"], strict=True)
        for task, shots, seed, score, seconds, trained, status, error, _ in cells
    }
    assert len(found) == len(MIXED)
    for record in MIXED:
        cell = record.cell
        score, seconds, trained, status, error = found[(cell.kind, cell.label, cell.task, cell.shots, cell.seed)]
        assert status == record.status.replace("_", " ")
        if record.status == "ok":
            assert record.time_s is not None
            assert record.parameters is not None
            assert score == f"{100 * record.metrics['accuracy'].value:.1f}"
            assert seconds == display.significant(record.time_s.total)
            assert trained == f"{record.parameters.trainable:,}"
            assert error == -1
        else:
            assert record.error is not None
            assert (score, seconds, trained) == ("", "", "")
            assert data["errors"][error][:3] == [record.error.phase, record.error.type, record.error.message]
    assert [error[3] for error in data["errors"]].count(TRACE) == 1


def test_failures_lead_to_their_cells() -> None:
    page = render(MIXED)
    rows = page.rows("reasons")
    assert rows[0] == ["coop", "b", "failed", "fit", "RuntimeError out of luck", "1 (shots 4, seeds 3)"]
    assert rows[1] == ["tip", "b", "not for pairs", "1 (shots 4, seeds 1)"]
    opener = next(given for tag, given in page.elements if tag == "button" and given.get("data-status") == "failed")
    assert page.cells["errors"][int(opener["data-error"] or -1)][3] == TRACE


def test_ok_without_a_score_says_so() -> None:
    page = render([make_record(score=float("nan")), make_record(seed=2)])
    (entry,) = page.cells["errors"]
    assert entry[2] == "finished without a finite main metric"
    assert page.rows("reasons")[0][4] == entry[2]


def hostile_records() -> list[Record]:
    changes = {"family": HOSTILE, "backbone": HOSTILE, "fingerprint": HOSTILE}
    record = make_record(HOSTILE, HOSTILE, **changes)
    assert record.provenance is not None
    made = msgspec.structs.replace(record.provenance, device=HOSTILE, command=HOSTILE, packages={HOSTILE: HOSTILE}, host=HOSTILE)
    error = Failure(phase=HOSTILE, type=HOSTILE, message=HOSTILE, traceback=HOSTILE + TRACE)
    bad = failed_record(method=HOSTILE, task=HOSTILE, seed=2, **changes)
    return [msgspec.structs.replace(record, provenance=made), msgspec.structs.replace(bad, error=error)]


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    summary = write_report(hostile_records(), tmp_path)
    text = (tmp_path / "index.html").read_text(encoding="utf-8")
    page = Page(text)
    assert {tag for tag, _ in page.elements if tag == "img"} == set()
    assert [kind for kind, _ in page.scripts] == ["style", None, "application/json"]
    assert not [name for _, given in page.elements for name in given if name.startswith("on")]
    assert [row[0] for row in page.rows("methods")] == [HOSTILE]
    assert page.cells["errors"][0] == [HOSTILE, HOSTILE, HOSTILE, HOSTILE + TRACE]
    assert page.texts.count(HOSTILE) > 5
    assert summary.tables[0].rows[0].label == HOSTILE


def test_controls_surrogates_and_long_errors() -> None:
    record = failed_record(message="\x1b[31mred\u202e" + "m" * 5000)
    assert record.error is not None
    long = msgspec.structs.replace(record.error, traceback="\x1b\u202e\ud800" + "first\n" * 5000 + "\udfff\tlast line")
    text = render_page(summarise_records([record]), [msgspec.structs.replace(record, error=long)], {})
    text.encode("utf-8")
    assert not re.search(r"[\x00-\x08\x0b-\x1f\u202e]", text)
    _, _, message, traceback = Page(text).cells["errors"][0]
    assert len(message) <= MESSAGE_LENGTH
    assert traceback.endswith("first\n \tlast line")
    assert len(traceback) < TRACEBACK_LENGTH + 100
    assert "characters stand in the record" in traceback


def test_loads_nothing_and_allows_its_own_script_only(tmp_path: Path) -> None:
    write_report(MIXED, tmp_path)
    text = (tmp_path / "index.html").read_text(encoding="utf-8")
    page = Page(text)
    links = [
        given.get(name) or ""
        for _, given in page.elements
        for name in ("src", "href", "srcset", "action", "data")
        if name in given
    ]
    assert [link for link in links if not link.startswith(("#", "data:"))] == []
    assert not re.search(r"https?:|//[a-z]|@import|url\((?!#)", text)
    policy = next(
        given["content"] or "" for tag, given in page.elements if tag == "meta" and "Security" in (given.get("http-equiv") or "")
    )
    assert policy.startswith("default-src 'none';")
    script = next(text for kind, text in page.scripts if kind is None)
    assert f"script-src 'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'" in policy
    assert page.texts.count("Score against shots") == 2
    assert sum(tag == "svg" for tag, _ in page.elements) == 12  # two tables with six plots each
    names = [given["id"] for _, given in page.elements if "id" in given]
    assert len(names) == len(set(names))
    asked = [
        found
        for _, given in page.elements
        for value in given.values()
        for found in re.findall(r"^#(.+)|url\(#([^)]+)\)", value or "")
    ]
    assert {first or second for first, second in asked} <= set(names)


def test_same_text_in_any_order_of_records() -> None:
    summary = summarise_records(MIXED)
    assert render_page(summary, MIXED, {}) == render_page(summarise_records(MIXED[::-1]), MIXED[::-1], {})


def test_no_records_and_bare_records() -> None:
    assert "There are no records yet." in render([]).texts
    bare = make_record(
        score=None, status="crashed", parameters=None, time_s=None, energy_j=None, memory_bytes=None, training=None
    )
    page = render([msgspec.structs.replace(bare, provenance=None, data=None)])
    assert page.cells["tables"][0]["cells"] == [[[0, 4, 1, "", "", "", 0, -1, ""]]]
    assert "The records do not say." in page.texts


def test_machines_and_versions() -> None:
    record, other = make_record(), make_record(seed=2)
    assert record.provenance is not None
    versions = {"torch": "2.9.9", "numpy": "1.2.3"}
    made = msgspec.structs.replace(record.provenance, packages=versions, dirty=True, device="a fine machine")
    page = render([msgspec.structs.replace(record, provenance=made), other])
    for text in ("a fine machine", "abc with uncommitted changes", "bench run", "2.9.9", "1.2.3"):
        assert text in page.texts
    assert sum(given.get("class") == "machine" for _, given in page.elements) == 2


def test_drawings_lose_what_could_load_run_or_collide() -> None:
    drawing = """<?xml version="1.0" encoding="utf-8"?><svg xmlns="http://www.w3.org/2000/svg"
        xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 400.5 300" width="400pt" onload="alert(1)">
        <metadata>m</metadata><style>*{fill:red}</style><script>alert(1)</script><!-- --><b>out</b> -->
        <defs><path id="m1" d="M 0.123456 1 L 2 3"/><clipPath id="c"><rect/></clipPath></defs>
        <g id="patch_1"><path d="M 0 0" style="fill: #ffffff"/></g><g id="patch_2"><path style="fill: #ff0000"/></g>
        <use xlink:href="#m1" clip-path="url(#c)" transform="scale(0.015625)"/><image xlink:href="https://x/y.png"/>
        <image xlink:href="data:image/png;base64,AA&#10;BB"/><text>a &lt;b&gt;</text></svg>"""
    drawing = drawing.replace("<!-- --><b>out</b> -->", "<!-- <b>out</b> -->")
    found = str(svg.inline(drawing, "p7-", 'say "x"'))
    assert svg.width(drawing) == 400.5
    for gone in ("metadata", "style>", "script", "onload", "out", "https", "patch", "#ffffff", "xmlns"):
        assert gone not in found
    for kept in ('id="p7-m1"', 'href="#p7-m1"', "url(#p7-c)", 'd="M 0.12 1 L 2 3"', "scale(0.015625)", "#ff0000", "AABB"):
        assert kept in found
    assert "a &lt;b&gt;</text>" in found
    assert 'aria-label="say &quot;x&quot;"' in found


@pytest.mark.parametrize("name", ["template.html", "style.css", "script.js"])
def test_files_of_the_page_are_installed_with_it(name: str) -> None:
    import tomllib

    project = Path(__file__).parents[3]
    patterns = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]["package-data"]
    folder = project / "bench" / "report" / "page"
    assert folder / name in {path for pattern in patterns["bench.report.page"] for path in folder.glob(pattern)}


def test_rows_stand_against_the_best_on_the_same_examples() -> None:
    """lora is right on ten examples of twelve, coop on eight of them, zero-shot on one that lora is not."""
    right = {"lora": range(10), "coop": range(8), "zero-shot": range(10, 11)}
    records = realistic(["zero-shot", "lora", "coop"], tasks=("a",), shots=(1, 4), seeds=(1, 2))

    def counted(record: Record) -> np.ndarray:
        return np.isin(np.arange(12), right[record.cell.method]).astype(float)

    page = Page(render_page(summarise_records(records), records, {}, counted))
    (table,) = page.cells["tables"]
    order = [row[0].removesuffix(" baseline") for row in page.rows("methods")]
    found = {label: table["against"]["rows"][str(position)] for position, label in enumerate(order)}
    best, second = order[:2]
    assert table["against"]["shots"] == "4 shots"
    assert [found[label][0] for label in order] == [second, best, best]
    other = order[2]
    better, worse = (len(set(right[one]) - set(right[two])) for one, two in ((other, best), (best, other)))
    assert found[other][1] == f"{100 * (len(right[other]) - len(right[best])) / 12:+.1f}"
    assert found[other][3] == [[0, better, worse, display.p_value(mcnemar(better, worse))]]
