"""Heat map of the gain over the baseline, method by task, at the largest shot count."""

from __future__ import annotations

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from numpy.typing import NDArray

from bench.report.numbers import sizes
from bench.report.numbers.summary import Row, Table
from bench.report.plots.canvas import METHODS, empty, framed, shown, text_width, title_height
from bench.report.text.display import why_empty

TASKS = 60  # columns that can still be told apart


def gains_figure(table: Table) -> Figure:
    """Points of gain in each square; a square without one says why."""
    section = table.section.title
    rows = [row for row in table.rows if row.suits and row.label in table.scores.gains.columns][:METHODS]
    tasks = list(table.scores.gains.index)[:TASKS]
    if not rows or not tasks:
        return empty(section, "no baseline to compare with" if table.scores.reference is None else "no method to compare")
    left, below = 0.25 + max(text_width(shown(row.label), 9) for row in rows), 0.3 + 0.6 * max(text_width(t, 9) for t in tasks)
    width, body = left + 0.75 * max(4, len(tasks)) + 0.95, 0.27 * max(3, len(rows))
    axes = framed(section, width, title_height(section, width) + 0.3 + body + below, left=left, below=below, right=0.95, head=0.3)
    figure = axes.figure
    gains = 100 * table.scores.gains.loc[tasks, [row.label for row in rows]].to_numpy(dtype=float).T
    known = np.abs(gains[np.isfinite(gains)])
    # A few huge gains must not wash out all others; colours stop at the 95th percentile, the numbers don't.
    limit = max(1.0, float(np.percentile(known, 95))) if known.size else 1.0
    colours = colormaps["PuOr_r"].with_extremes(bad="#efefef")
    image = axes.imshow(np.ma.masked_invalid(gains), cmap=colours, vmin=-limit, vmax=limit, aspect="auto")
    axes.set_yticks(range(len(rows)), [shown(row.label) for row in rows])
    axes.set_xticks(range(len(tasks)), [shown(task) for task in tasks], rotation=35, ha="right", rotation_mode="anchor")
    axes.grid(visible=False)
    axes.set_title(f"gain over {shown(table.scores.reference or '')} at {sizes.title(table.largest)}, points", fontsize=9)
    box = axes.get_position()
    bar = figure.add_axes((box.x1 + 0.15 / width, box.y0, 0.15 / width, box.height))
    figure.colorbar(image, cax=bar, extend="both")
    _numbers(axes, table, rows, gains, image)
    return figure  # type: ignore[return-value]


def _numbers(axes: Axes, table: Table, rows: list[Row], gains: NDArray[np.floating], image: AxesImage) -> None:
    """Write each gain [rows, tasks], in points, into its square, white on dark."""
    for (line, column), gain in np.ndenumerate(gains):
        if np.isfinite(gain):
            red, green, blue, _ = image.to_rgba(gain)
            dark = 0.299 * red + 0.587 * green + 0.114 * blue < 0.5
            text, colour = f"{gain:+.1f}", "white" if dark else "black"
        else:
            score = rows[line].tasks.get(str(table.scores.gains.index[column]), {}).get(table.largest)
            lacking = score is not None and score.ok < score.asked
            text, colour = (why_empty(score) if score and lacking else "no baseline"), "#666666"
        axes.text(column, line, text, ha="center", va="center", color=colour, fontsize=8 if np.isfinite(gain) else 6.5)
