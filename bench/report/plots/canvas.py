"""What all plots share: figures without a window system, the same bytes for the same records, legends that don't collide."""

from __future__ import annotations

import textwrap
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties

from bench.text import plain

DOTS_PER_INCH = 120
METHODS = 60  # the best ones are drawn; a plot of more than these can't be read, the tables hold all
FORMATS = ("svg", "png", "pdf")
_NO_DATE: dict[str, dict[str, Any]] = {"svg": {"Date": None}, "png": {"Software": None}, "pdf": {"CreationDate": None}}
_FONT, _FONTS = "'DejaVu Sans'", "'DejaVu Sans', Verdana, sans-serif"  # Verdana, where it is, is as wide
TITLE_SIZE = 10  # points
LABEL_LENGTH = 36  # characters; longer labels are cut in plots, not in tables

_SETTINGS: dict[Any, Any] = {
    "svg.fonttype": "none",  # texts stay texts: found by a search, a tenth of the size
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
    """An empty figure that finds its own layout, size in inches."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def blank_figure(width: float, height: float) -> Figure:
    """An empty figure in which everything is placed by whoever draws it, size in inches."""
    figure = Figure(figsize=(width, height), dpi=DOTS_PER_INCH)
    FigureCanvasAgg(figure)
    return figure


def framed(text: str, width: float, height: float, *, left: float, below: float, right: float = 0.15, head: float = 0.25) -> Axes:
    """The one pair of axes of a new figure with a title, with so many inches beside, under and (under the title) over it."""
    figure = blank_figure(width, height)
    lines = title_lines(text, width)
    for number, line in enumerate(lines):
        figure.text(0.1 / width, 1 - (0.14 + 0.17 * number) / height, line, fontsize=TITLE_SIZE, va="center")
    top = title_height(text, width) + head
    return figure.add_axes((left / width, below / height, 1 - (left + right) / width, 1 - (below + top) / height))


def save(figure: Figure, stem: Path, formats: Sequence[str] = ("svg",)) -> list[Path]:
    """Write a file of each format, without a date in any."""
    engine = figure.get_layout_engine()
    if engine is not None and figure.axes:  # laid out once: it would be for each file
        figure.set_dpi(DOTS_PER_INCH)
        engine.execute(figure)
        figure.set_layout_engine(None)
    paths = [stem.with_name(f"{stem.name}.{ending}") for ending in formats]
    for path, ending in zip(paths, formats, strict=True):
        figure.savefig(path, format=ending, dpi=DOTS_PER_INCH, metadata=_NO_DATE[ending])
        if ending == "svg":
            path.write_text(path.read_text(encoding="utf-8").replace(_FONT, _FONTS), encoding="utf-8", newline="\n")
    return paths


def shown(label: str) -> str:
    """A label for a plot. matplotlib leaves out what begins with an underscore, so a space goes before it."""
    label = plain(label)
    if len(label) > LABEL_LENGTH:
        # From the middle: what tells two variants of a method apart stands at the end.
        label = f"{label[: LABEL_LENGTH // 2]}…{label[1 - LABEL_LENGTH // 2 :]}"
    return f" {label}" if label.startswith("_") else label


@lru_cache(maxsize=10_000)
def text_width(text: str, size: float) -> float:
    """Inches that a line of so many points takes."""
    width, _, _ = _measure().get_text_width_height_descent(text, FontProperties(family="DejaVu Sans", size=size), False)
    return float(width) / 72


@cache
def _measure() -> RendererAgg:
    return RendererAgg(1, 1, 72)


def legend_width(labels: Sequence[str]) -> float:
    """Inches that a legend of these labels takes, samples and room at both sides included."""
    return 0.75 + max(text_width(shown(label), 8) for label in labels)


def title_lines(text: str, width: float) -> list[str]:
    """A title in as many lines as it needs within so many inches."""
    text = plain(text, 200)
    characters = int((width - 0.3) * len(text) / max(text_width(text, TITLE_SIZE), 0.1))
    return textwrap.wrap(text, max(20, characters))


def title_height(text: str, width: float) -> float:
    """Inches that these lines take, with room under them."""
    return 0.14 + 0.17 * len(title_lines(text, width))


def empty(section: str, text: str) -> Figure:
    """A figure that says why there is nothing in it."""
    axes = framed(section, 6.8, 2.4, left=0.1, below=0.1)
    axes.set_axis_off()
    axes.text(0.5, 0.6, text, ha="center", va="center", color="#555555")
    return axes.figure  # type: ignore[return-value]
