"""Textures: the patterns of pretraining in unseen colours, large, turned and noisy, and two that it never named."""

from __future__ import annotations

import numpy as np

from tasks.scenes.draw import OVERSAMPLING, PATTERNS, SHAPES, SIZE, blank, finish, polygon_mask
from tasks.scenes.sketches import stamp

CLASSES = (*PATTERNS, "zigzag", "ringed")

UNSEEN_COLOURS: dict[str, tuple[int, int, int]] = {
    "teal": (0, 128, 128),
    "olive": (128, 128, 0),
    "navy": (20, 25, 100),
    "magenta": (215, 0, 170),
    "maroon": (110, 10, 35),
    "turquoise": (64, 214, 200),
    "lime": (160, 230, 20),
    "slate": (95, 110, 130),
    "charcoal": (45, 45, 50),
}
NAMES = tuple(UNSEEN_COLOURS)
TILT = 15.0  # degrees either way from how pretraining turns a pattern


def second_colour(kind: str, period: float, angle: float, phase: np.ndarray) -> np.ndarray:
    """Where the texture shows its second colour: [side, side], 0 or 1, over the whole canvas. `period` in finished pixels."""
    side = SIZE * OVERSAMPLING
    row, column = np.mgrid[:side, :side] / (period * OVERSAMPLING)
    turn = np.deg2rad(angle)
    u = np.cos(turn) * column + np.sin(turn) * row + phase[0]
    v = np.cos(turn) * row - np.sin(turn) * column + phase[1]
    if kind == "plain":
        chosen = np.zeros_like(u, bool)
    elif kind == "striped":
        chosen = u % 1 < 0.5
    elif kind == "checkered":
        chosen = (u % 1 < 0.5) ^ (v % 1 < 0.5)
    elif kind == "dotted":
        chosen = (u % 1 - 0.5) ** 2 + (v % 1 - 0.5) ** 2 < 0.3**2
    elif kind == "zigzag":
        chosen = (u + 0.8 * np.abs((v / 1.6) % 1 - 0.5) * 2) % 1 < 0.5
    else:  # ringed: circles around one point in the middle half of the canvas
        middle = side / (period * OVERSAMPLING) * (0.25 + 0.5 * (phase % 1))
        chosen = np.hypot(row - middle[0], column - middle[1]) % 1 < 0.5
    return chosen.astype(np.float32)


def draw(label: int, random: np.random.Generator) -> np.ndarray:
    """A large textured thing, sometimes on dark ground, or now and then a frame full of texture."""
    kind = CLASSES[label]
    angle = (45 if kind == "striped" else 0) + random.uniform(-TILT, TILT)
    share = second_colour(kind, random.uniform(6, 9), angle, random.uniform(0, 8, 2))
    first = np.asarray(UNSEEN_COLOURS[NAMES[random.integers(len(NAMES))]], np.float32) + random.normal(0, 12, 3)
    second = first + random.uniform(0.5, 0.7) * (255 - first)
    fill = (first + share[..., None] * (second - first)).astype(np.float32)
    noise = random.uniform(3, 12)
    if random.uniform() < 0.1:
        return finish(fill, random, noise)
    ground = random.uniform(10, 70, 3) if random.uniform() < 0.1 else random.uniform(190, 245) + random.uniform(-12, 12, 3)
    canvas = blank(tuple(ground))
    shape = ("circle", "square", "heart", "triangle")[random.integers(4)]
    mask = polygon_mask(*SHAPES[shape], random.uniform(20, 28), random.uniform(-20, 20))
    x, y = SIZE / 2 + random.normal(0, 3, 2)
    whole = np.zeros((*fill.shape[:2], 1), np.float32)
    stamp(whole, mask, np.ones(1, np.float32), x, y)
    canvas += whole * (fill - canvas)
    return finish(canvas, random, noise)
