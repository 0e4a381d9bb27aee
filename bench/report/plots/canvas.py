"""What all plots share: figures without a window system, the same bytes for the same records, legends that don't collide."""

from __future__ import annotations

import textwrap
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bench.report.numbers.summary import Row
from bench.report.plots.palette import look
from bench.text import plain

DOTS_PER_INCH = 120
LEGEND_WIDTH = 2.4  # inches, for labels of usual length
METHODS = 60  # the best ones are drawn; a plot of more than these can't be read, the tables hold all
LABEL_LENGTH = 36  # characters; longer labels are cut in plots, not in tables

_SETTINGS: dict[Any, Any] = {
    "svg.hashsalt": "bench",  # otherwise each run names its clip paths anew
    "text.parse_math": False,  # a dollar sign in a label is a dollar sign
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e4e4e4",
    "axes.axisbelow": True,
    "figure.titlesize": 10,
}


@contextmanager
def settings() -> Iterator[None]:
    """Ours alone, whatever a user's matplotlibrc says, and put back afterwards."""
    with mpl.rc_context(), warnings.catch_warnings():
        mpl.rcParams.update({key: value for key, value in mpl.rcParamsDefault.items() if key not in _LEFT_ALONE})
        mpl.rcParams.update(_SETTINGS)
        # A task named in a script that the font lacks shows boxes; that is no reason to stop.
        warnings.filterwarnings("ignore", message=r"Glyph \d+")
        yield


# Touching the backend may start a window system.
_LEFT_ALONE = {"backend", "backend_fallback", "interactive", "toolbar"}


def new_figure(width: float, height: float) -> Figure:
    """An empty figure, size in inches."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def save(figure: Figure, stem: Path) -> list[Path]:
    """Write PNG and SVG, without a date in either."""
    png, svg = stem.with_name(f"{stem.name}.png"), stem.with_name(f"{stem.name}.svg")
    engine = figure.get_layout_engine()
    if (
        engine is not None and figure.axes
    ):  # laid out once: it would be for each file, and everything drawn once more to measure it
        figure.set_dpi(DOTS_PER_INCH)
        engine.execute(figure)
        figure.set_layout_engine(None)
    figure.savefig(png, format="png", dpi=DOTS_PER_INCH, metadata={"Software": None})
    figure.savefig(svg, format="svg", metadata={"Date": None})
    return [png, svg]


def shown(label: str) -> str:
    """A label for a plot. matplotlib leaves out what begins with an underscore, so a space goes before it."""
    label = plain(label)
    if len(label) > LABEL_LENGTH:
        # From the middle: what tells two variants of a method apart stands at the end.
        label = f"{label[: LABEL_LENGTH // 2]}…{label[1 - LABEL_LENGTH // 2 :]}"
    return f" {label}" if label.startswith("_") else label


def legend_height(methods: int) -> float:
    """Inches that the legend of so many methods takes."""
    return 0.4 + 0.19 * methods


def handle(label: str, baseline: bool, *, lines: bool) -> Line2D:
    """What stands for a method in a legend."""
    style = look(label, baseline)
    return Line2D(
        [],
        [],
        color=style.colour,
        marker="" if baseline and lines else style.marker,
        markerfacecolor=style.face,
        linestyle=style.line if lines else "none",
        markersize=5,
        linewidth=1.2,
    )


def legend(figure: Figure, rows: Sequence[Row]) -> None:
    """One legend beside all panels, in the order given."""
    figure.legend(
        [handle(row.label, row.baseline, lines=True) for row in rows],
        [shown(row.label) for row in rows],
        loc="outside right upper",
        frameon=False,
        handlelength=3,
    )


def title(figure: Figure, text: str, *, beside_legend: bool) -> None:
    """A title at the left, in as many lines as it needs to stay clear of the legend."""
    room = figure.get_figwidth() - (LEGEND_WIDTH if beside_legend else 0.0)
    lines = textwrap.wrap(plain(text, 200), max(20, int(room * 12)))  # twelve characters to the inch
    figure.suptitle("\n".join(lines), x=0.01, ha="left")


def empty(figure: Figure, text: str) -> None:
    """Say in the figure why there is nothing in it."""
    figure.text(0.5, 0.45, text, ha="center", va="center", color="#555555")
