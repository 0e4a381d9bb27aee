"""The report as one HTML page that opens without a network.

Template, style sheet and script stand beside this file; all three end up in the page, and the page's own
Content-Security-Policy lets it run this one script, by its hash, and load nothing.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from bench.report.numbers.by_example import Counted
from bench.report.numbers.frame import FAILED, NOT_APPLICABLE, OK
from bench.report.numbers.section import Section, short_backbone
from bench.report.numbers.summary import Summary
from bench.report.page.against import against_best
from bench.report.page.boards import make_board, make_joint, reasons
from bench.report.page.cells import collect
from bench.report.page.machines import machines
from bench.report.text.published import HEADER, HOW, NUMBERS
from bench.store.record import Record
from bench.text import plain

__all__ = ["render_page", "style"]

_HERE = Path(__file__).parent


def render_page(
    summary: Summary,
    records: Iterable[Record],
    plots: Mapping[Section, Mapping[str, str]],
    counted: Counted = lambda record: None,
) -> str:
    """The whole page. `records`: those that the summary was made from; `plots`: section -> title -> SVG text.

    The same records give the same text, in whatever order they come.
    """
    counting = summary.frame[summary.frame["counts"]]
    by_id = {record.record_id: record for record in records}
    cells = collect(summary, by_id)
    for data, table in zip(cells.data["tables"], summary.tables, strict=True):
        data["against"] = against_best(table, by_id, counted)
    kinds = [table.section.kind for table in summary.tables]
    script = _own("script.js")
    environment = Environment(
        loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":"), "allow_nan": False}
    ran = counting.loc[counting["state"] != NOT_APPLICABLE, "record_id"]
    return environment.get_template("template.html").render(
        style=Markup(style()),
        script=Markup(script),
        script_hash=_hash(script),
        counts=_counts(counting),
        backbones=sorted({plain(short_backbone(table.section.backbone)) for table in summary.tables}),
        boards=[
            make_board(number, table, plots.get(table.section, {}), alone=kinds.count(table.section.kind) == 1)
            for number, table in enumerate(summary.tables)
        ],
        joints=[
            make_joint(len(summary.tables) + number, joint, summary.tables, plots.get(joint.section, {}))
            for number, joint in enumerate(summary.joint)
        ],
        published_header=HEADER,
        published_numbers=NUMBERS,
        how_published=HOW,
        kinds=list(dict.fromkeys(kinds)),
        families=sorted({plain(row.family) for table in summary.tables for row in table.rows}),
        failures=reasons(summary, summary.failures, cells),
        not_applicable=reasons(summary, summary.not_applicable, cells),
        machines=machines(by_id[name] for name in ran if name in by_id),
        cells=cells.data,
    )


def style() -> str:
    """The style sheet, for other pages of the program's."""
    return _own("style.css")


def _own(name: str) -> str:
    """A file of this folder, with the line ends that a browser would make of it before it takes the hash."""
    return (_HERE / name).read_text(encoding="utf-8").replace("\r\n", "\n")


def _hash(script: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _counts(counting: pd.DataFrame) -> dict[str, int]:
    """Of cells, by what became of the fit: a cell that is on several boards is one."""
    found = (
        counting.sort_values("state", key=lambda state: state != OK, kind="stable")
        .drop_duplicates("record_id")["state"]
        .value_counts()
    )
    return {state: int(found.get(state, 0)) for state in (OK, FAILED, NOT_APPLICABLE)}
