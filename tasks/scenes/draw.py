"""Drawing: simple things on a 64 x 64 canvas.

Lengths are in pixels of the finished picture, angles in degrees, colours are RGB triples 0..255.
Everything is drawn three times larger and averaged down, so that edges are smooth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

SIZE = 64
OVERSAMPLING = 3

COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (214, 40, 40),
    "green": (44, 160, 60),
    "blue": (40, 80, 210),
    "yellow": (240, 215, 40),
    "orange": (245, 135, 25),
    "purple": (125, 50, 165),
    "pink": (245, 130, 190),
    "brown": (125, 75, 40),
}
PATTERNS = ("plain", "striped", "dotted", "checkered")

Polygon = np.ndarray  # [points, 2], the unit circle is the size of the thing


def _circle(radius: float = 1.0, x: float = 0.0, y: float = 0.0) -> Polygon:
    angle = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    return np.stack([x + radius * np.cos(angle), y + radius * np.sin(angle)], 1)


def star(points: int, inner: float, outer: float = 1.0) -> Polygon:
    """A star with its first tip upwards; `inner` is the radius of its notches."""
    angle = -np.pi / 2 + np.arange(2 * points) * np.pi / points
    radius = np.where(np.arange(2 * points) % 2 == 0, outer, inner)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1)


def _heart() -> Polygon:
    t = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    x = 16 * np.sin(t) ** 3
    y = -(13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t))
    return np.stack([x, y], 1) / 17


def _cross(arm: float = 0.34) -> Polygon:
    a = arm
    return np.array([(-a, -1), (a, -1), (a, -a), (1, -a), (1, a), (a, a), (a, 1), (-a, 1), (-a, a), (-1, a), (-1, -a), (-a, -a)])


# Each shape: polygons that are filled, then polygons that are cut out of them.
SHAPES: dict[str, tuple[list[Polygon], list[Polygon]]] = {
    "circle": ([_circle(0.95)], []),
    "square": ([np.array([(-0.82, -0.82), (0.82, -0.82), (0.82, 0.82), (-0.82, 0.82)])], []),
    "triangle": ([np.array([(0, -1), (0.95, 0.75), (-0.95, 0.75)])], []),
    "star": ([star(5, 0.42)], []),
    "heart": ([_heart()], []),
    "cross": ([_cross()], []),
    "ring": ([_circle(1.0)], [_circle(0.55)]),
    "moon": ([_circle(1.0)], [_circle(0.85, 0.55, -0.1)]),
}


DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
FONTS = tuple(
    Path(matplotlib.get_data_path(), "fonts", "ttf", f"DejaVu{style}.ttf")
    for style in ("Sans", "Sans-Bold", "Sans-Oblique", "Serif", "Serif-Bold", "Serif-Italic", "SansMono", "SansMono-Bold")
)


@dataclass(frozen=True)
class Thing:
    """One thing in a scene."""

    shape: str  # one of SHAPES or of DIGITS
    colour: str
    pattern: str = "plain"
    x: float = SIZE / 2  # centre
    y: float = SIZE / 2
    radius: float = 20.0
    angle: float = 0.0
    line: float = 0.0  # width of the pen when only the outline is drawn; 0: filled


def blank(colour: tuple[int, int, int]) -> np.ndarray:
    """An empty canvas [H, W, 3], float, at the drawing resolution."""
    side = SIZE * OVERSAMPLING
    return np.broadcast_to(np.asarray(colour, np.float32), (side, side, 3)).copy()


def paint(canvas: np.ndarray, mask: np.ndarray, colour: np.ndarray, top: int = 0, left: int = 0) -> None:
    """Blend `colour` ([3] or [h, w, 3]) into the canvas where `mask` [h, w] (0..1) is set, in place."""
    height, width = mask.shape
    window = canvas[top : top + height, left : left + width]
    mask = mask[: window.shape[0], : window.shape[1], None]
    if colour.ndim == 3:
        colour = colour[: window.shape[0], : window.shape[1]]
    window += mask * (colour - window)


def polygon_mask(
    solid: Sequence[Polygon], holes: Sequence[Polygon], radius: float, angle: float, line: float = 0.0
) -> np.ndarray:
    """Mask of a shape [side, side], 0..1, at the drawing resolution, centred in its square."""
    half = int(np.ceil((radius + line) * OVERSAMPLING)) + 1
    turn = np.deg2rad(angle)
    rotation = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    image = Image.new("L", (2 * half, 2 * half))
    pen = ImageDraw.Draw(image)

    def draw(polygon: Polygon, fill: int) -> None:
        corners = [tuple(p) for p in polygon @ rotation * (radius * OVERSAMPLING) + half]
        if line:
            pen.line([*corners, *corners[:2]], fill=255, width=max(1, round(line * OVERSAMPLING)), joint="curve")
        else:
            pen.polygon(corners, fill=fill)

    for polygon in solid:
        draw(polygon, 255)
    for polygon in holes:
        draw(polygon, 0)
    return np.asarray(image, np.float32) / 255


def choose_font(random: np.random.Generator) -> Path:
    return FONTS[random.integers(len(FONTS))]


@lru_cache(maxsize=1024)
def _font(path: Path, height: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(path), height)


def digit_mask(digit: int, radius: float, angle: float, font: Path) -> np.ndarray:
    """Mask of a printed digit [side, side], 0..1, at the drawing resolution, twice `radius` high."""
    half = int(np.ceil(radius * OVERSAMPLING)) + 1
    image = Image.new("L", (2 * half, 2 * half))
    height = round(2.4 * radius * OVERSAMPLING / 6) * 6  # in steps, so that few fonts are kept open
    ImageDraw.Draw(image).text((half, half), str(digit), fill=255, font=_font(font, max(6, height)), anchor="mm")
    return np.asarray(image.rotate(angle, Image.Resampling.BILINEAR), np.float32) / 255


def pattern(kind: str, side: int, period: float, phase: float = 0.0) -> np.ndarray:
    """Share of the second colour [side, side], 0 or 1; `period` in finished pixels."""
    step = period * OVERSAMPLING
    row, column = np.mgrid[:side, :side].astype(np.float32) + phase * step
    if kind == "plain":
        return np.zeros((side, side), np.float32)
    if kind == "striped":
        return ((row + column) / 1.414 % step < step / 2).astype(np.float32)
    if kind == "checkered":
        return ((row // (step / 2) + column // (step / 2)) % 2).astype(np.float32)
    if kind == "dotted":
        return ((row % step - step / 2) ** 2 + (column % step - step / 2) ** 2 < (0.3 * step) ** 2).astype(np.float32)
    raise ValueError(f"unknown pattern {kind!r}, known: {', '.join(PATTERNS)}")


def draw_thing(canvas: np.ndarray, thing: Thing, random: np.random.Generator, colour: np.ndarray | None = None) -> None:
    """Draw a thing; its colour is the named one with some jitter unless `colour` [3] is given."""
    if thing.shape in DIGITS:
        mask = digit_mask(DIGITS.index(thing.shape), thing.radius, thing.angle, choose_font(random))
    else:
        mask = polygon_mask(*SHAPES[thing.shape], thing.radius, thing.angle, thing.line)
    base = np.asarray(COLOURS[thing.colour], np.float32) if colour is None else colour
    base = base + random.normal(0, 10, 3)
    share = pattern(thing.pattern, len(mask), random.uniform(6, 8), random.uniform())[..., None]
    light = base + 0.65 * (255 - base)
    half = len(mask) / 2
    top, left = int(thing.y * OVERSAMPLING - half), int(thing.x * OVERSAMPLING - half)
    cut_top, cut_left = max(0, -top), max(0, -left)
    fill = (base + share * (light - base)).astype(np.float32)
    paint(canvas, mask[cut_top:, cut_left:], fill[cut_top:, cut_left:], max(0, top), max(0, left))


def finish(canvas: np.ndarray, random: np.random.Generator, noise: float = 4.0, grey: bool = False) -> np.ndarray:
    """Average down to [64, 64, 3] uint8 and add pixel noise (standard deviation in grey levels)."""
    small = canvas.reshape(SIZE, OVERSAMPLING, SIZE, OVERSAMPLING, 3).mean((1, 3))
    if grey:
        small = np.repeat(small @ np.array([[0.299], [0.587], [0.114]], np.float32), 3, axis=2)
    small = small + random.normal(0, noise, (*small.shape[:2], 1)).astype(np.float32)
    return np.clip(small, 0, 255).astype(np.uint8)
