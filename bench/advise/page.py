"""The advice as one HTML page that opens without a network, beside advice.json."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from bench.advise.advice import Advice
from bench.advise.curve_plot import draw_curve
from bench.advise.limits import megabytes
from bench.advise.lines import about, by_reason, costs, more_lines, named, points
from bench.report.page import style
from bench.report.page.svg import inline
from bench.text import plain, printable
from bench.writing import write_whole

FILE = "advice.html"


def write_page(advice: Advice, out: Path) -> Path:
    """Raises OSError."""
    path = out / FILE
    write_whole(path, render(advice).encode())
    return path


def render(advice: Advice) -> str:
    """The same advice gives the same text."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    labels = advice.labels
    curve = ""
    if labels is not None and labels.more:
        curve = inline(draw_curve(labels, advice.examples, advice.metric), "curve-", "learning curve")
    text = environment.get_template("page.html").render(
        advice=advice,
        style=Markup(style()),
        about=about(advice),
        names=[plain(named(one, advice)) for one in advice.ranking],
        points=points,
        costs=costs,
        bytes=megabytes,
        more=[] if labels is None else more_lines(labels),
        curve=curve,
        reasons=by_reason(advice),
    )
    return printable(text)
