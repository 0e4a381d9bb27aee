"""Labels beside the points of a scatter plot, placed so that none covers another label or a point."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray

SIZE = 7.5  # points
_RADII = (9, 15, 24, 36, 50, 68, 90)  # pixels from the point to the label
_ANGLES = np.deg2rad([0, 30, -30, 90, -90, 150, -150, 180, 60, -60, 120, -120])


def place(axes: Axes, points: Sequence[tuple[float, float]], texts: Sequence[str], colours: Sequence[str]) -> None:
    """Write one text per point (data coordinates), near it where there is room, else further off with a thin line to it.

    The layout of the figure is fixed by this: positions in pixels hold only as long as the axes stay where they are.
    Greedy, the crowded points first; with no free place at all the least covered one is taken.
    """
    figure = axes.figure
    figure.draw_without_rendering()  # type: ignore[union-attr]
    figure.set_layout_engine("none")  # type: ignore[union-attr]
    at = axes.transData.transform(np.asarray(points, dtype=float))
    sizes = np.array([_size(axes, text) for text in texts])
    frame = axes.get_window_extent()
    bounds = np.array([frame.x0 + 2, frame.y0 + 2, frame.x1 + 60, frame.y1 + 8])
    boxes: list[NDArray[np.floating]] = [np.array([x - 6, y - 6, x + 6, y + 6]) for x, y in at]
    crowd = [int((np.abs(at - point).max(axis=1) < 60).sum()) for point in at]
    for index in sorted(range(len(texts)), key=lambda index: (-crowd[index], -at[index, 1], index)):
        box = _free(at[index], sizes[index], np.array(boxes), bounds)
        boxes.append(box)
        _write(axes, at, index, box, points[index], texts[index], colours[index])


def _size(axes: Axes, text: str) -> tuple[float, float]:
    """Width and height in pixels."""
    drawn = axes.text(0, 0, text, fontsize=SIZE)
    extent = drawn.get_window_extent()
    drawn.remove()
    return extent.width + 3, extent.height + 2


def _free(
    point: NDArray[np.floating], size: NDArray[np.floating], boxes: NDArray[np.floating], bounds: NDArray[np.floating]
) -> NDArray[np.floating]:
    """The first box [x0, y0, x1, y1] around the point that covers nothing, or the one that covers least."""
    candidates = []
    for radius in _RADII:
        for angle in _ANGLES:
            direction = np.array([np.cos(angle), np.sin(angle)])
            # The label's near edge, not its middle, is so far from the point.
            middle = point + direction * radius + np.sign(np.round(direction, 3)) * size / 2
            candidates.append(np.concatenate([middle - size / 2, middle + size / 2]))
    found = np.array(candidates)
    wide = np.minimum(found[:, None, 2:], boxes[None, :, 2:]) - np.maximum(found[:, None, :2], boxes[None, :, :2])
    covered = np.clip(wide, 0, None).prod(axis=-1).sum(axis=-1)
    outside = np.clip(bounds[:2] - found[:, :2], 0, None).sum(axis=1) + np.clip(found[:, 2:] - bounds[2:], 0, None).sum(axis=1)
    return found[int(np.argmin(covered + 100 * outside))]


def _write(
    axes: Axes,
    at: NDArray[np.floating],
    index: int,
    box: NDArray[np.floating],
    point: tuple[float, float],
    text: str,
    colour: str,
) -> None:
    """Text in its box, with a thin line to its point where that is far off, or not the nearest one."""
    middle = (box[:2] + box[2:]) / 2
    x, y = axes.transData.inverted().transform(middle)
    near = np.clip(at, box[:2], box[2:])
    distances = np.hypot(*(near - at).T)
    if distances[index] > 12 or distances.argmin() != index:
        end = axes.transData.inverted().transform(near[index])
        axes.plot([point[0], end[0]], [point[1], end[1]], color=colour, linewidth=0.7, zorder=3.5)
    halo = [withStroke(linewidth=2.5, foreground="white")]  # or lines of the plot would strike it through
    axes.text(x, y, text, fontsize=SIZE, ha="center", va="center", color="#222222", clip_on=False, zorder=4, path_effects=halo)
