"""Labels beside the points of a scatter plot, placed so that none covers another label or a point. All in inches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.report.plots.canvas import text_width

SIZE = 7.5  # points
_HEIGHT, _MARK = 0.13, 0.05  # of a label, and half a mark's width
_BOLD = 1.12  # times the width of plain letters
_RADII = (0.075, 0.125, 0.2, 0.3, 0.42, 0.57, 0.75)  # from the point to the label
_NEAR = 3  # of these, what a label that isn't needed may take
_ANGLES = np.deg2rad([0, 30, -30, 90, -90, 150, -150, 180, 60, -60, 120, -120])


@dataclass(frozen=True)
class Label:
    """Middle and size of a label, and the end of the thin line to its point; None: it stands right beside it."""

    text: str
    x: float
    y: float
    width: float
    line_to: tuple[float, float] | None
    weight: str

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, bottom, right, top."""
        return self.x - self.width / 2, self.y - _HEIGHT / 2, self.x + self.width / 2, self.y + _HEIGHT / 2


def place(
    points: ArrayLike,
    texts: Sequence[str],
    needed: Sequence[bool],
    bounds: tuple[float, float, float, float],
    bold: Sequence[bool] = (),
) -> list[Label | None]:
    """A label for each of points [n, 2], near it where there is room, else further off with a line to it.

    What is not `needed` gets none (None) where there is no free place close by. Greedy, the needed and crowded points first;
    with no free place at all a needed one takes the least covered. `bounds`: left, bottom, right, top. `bold`: which are set
    in bold letters.
    """
    at, edge = np.asarray(points, dtype=float).reshape(-1, 2), np.asarray(bounds)
    heavy = bold or [False] * len(texts)
    wide = [text_width(text, SIZE) * (_BOLD if thick else 1) for text, thick in zip(texts, heavy, strict=True)]
    sizes = [np.array([width + 0.03, _HEIGHT]) for width in wide]
    boxes = [np.concatenate([point - _MARK, point + _MARK]) for point in at]
    crowd = [int((np.abs(at - point).max(axis=1) < 0.5).sum()) for point in at]
    found: list[Label | None] = [None] * len(texts)
    for index in sorted(range(len(texts)), key=lambda n: (not needed[n], -crowd[n], -at[n, 1], n)):
        radii = _RADII if needed[index] else _RADII[:_NEAR]
        box, covered = _freest(at[index], sizes[index], np.array(boxes), edge, radii)
        if needed[index] or covered == 0:
            boxes.append(box)
            found[index] = _label(at, index, box, texts[index], "bold" if heavy[index] else "normal")
    return found


def _freest(
    point: NDArray[np.floating],
    size: NDArray[np.floating],
    boxes: NDArray[np.floating],
    bounds: NDArray[np.floating],
    radii: Sequence[float],
) -> tuple[NDArray[np.floating], float]:
    """The first box [x0, y0, x1, y1] around the point that covers nothing, or the one that covers least; and how much."""
    candidates = []
    for radius in radii:
        for angle in _ANGLES:
            direction = np.array([np.cos(angle), np.sin(angle)])
            # The label's near edge, not its middle, is so far from the point.
            middle = point + direction * radius + np.sign(np.round(direction, 3)) * size / 2
            candidates.append(np.concatenate([middle - size / 2, middle + size / 2]))
    found = np.array(candidates)
    wide = np.minimum(found[:, None, 2:], boxes[None, :, 2:]) - np.maximum(found[:, None, :2], boxes[None, :, :2])
    covered = np.clip(wide, 0, None).prod(axis=-1).sum(axis=-1)
    outside = np.clip(bounds[:2] - found[:, :2], 0, None).sum(axis=1) + np.clip(found[:, 2:] - bounds[2:], 0, None).sum(axis=1)
    cost = covered + outside
    best = int(np.argmin(cost))
    return found[best], float(cost[best])


def _label(at: NDArray[np.floating], index: int, box: NDArray[np.floating], text: str, weight: str) -> Label:
    """With a line to its point where that is far off, or not the nearest one."""
    near = np.clip(at, box[:2], box[2:])
    distances = np.hypot(*(near - at).T)
    far = distances[index] > 0.1 or distances.argmin() != index
    x, y = (box[:2] + box[2:]) / 2
    end = (float(near[index][0]), float(near[index][1]))
    return Label(text, float(x), float(y), float(box[2] - box[0]), end if far else None, weight)
