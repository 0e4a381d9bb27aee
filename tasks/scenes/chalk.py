"""Chalk: the shapes of pretraining as grainy light strokes on a dark board, hatched or empty inside."""

from __future__ import annotations

import numpy as np

from tasks.scenes.draw import OVERSAMPLING, SHAPES, SIZE, blank, finish, polygon_mask
from tasks.scenes.sketches import ROOM, outline, stamp, wobbly

CLASSES = tuple(SHAPES)


def hatching(side: int, period: float, angle: float) -> np.ndarray:
    """Thin parallel strokes [side, side], 0 or 1; `period` in finished pixels."""
    row, column = np.mgrid[:side, :side] / (period * OVERSAMPLING)
    turn = np.deg2rad(angle)
    return ((np.cos(turn) * column + np.sin(turn) * row) % 1 < 0.35).astype(np.float32)


def grain(mask: np.ndarray, share: float, random: np.random.Generator) -> np.ndarray:
    """The mask with a share of its finished pixels left out."""
    small = random.uniform(size=(len(mask) // OVERSAMPLING + 1,) * 2) >= share
    holes = np.kron(small, np.ones((OVERSAMPLING, OVERSAMPLING), np.float32))
    return mask * holes[: len(mask), : len(mask)]


def draw(label: int, random: np.random.Generator) -> np.ndarray:
    """The class's shape as a hand draws it with chalk."""
    board = random.uniform(20, 60) + random.uniform(-12, 12, 3)
    chalk = np.clip(random.uniform(190, 250) + random.normal(0, 12, 3), 0, 255).astype(np.float32)
    radius, strength = random.uniform(14, 24), random.uniform(0, 0.04)
    solid, holes = ([wobbly(polygon, strength, random) / ROOM for polygon in part] for part in SHAPES[CLASSES[label]])
    mask = polygon_mask(solid, holes, radius * ROOM, random.uniform(-25, 25))
    strokes = outline(mask, random.uniform(2.0, 4.0))
    if random.uniform() < 0.5:
        strokes = np.maximum(strokes, mask * hatching(len(mask), random.uniform(4, 6), random.uniform(0, 180)))
    canvas = blank(tuple(board))
    x, y = random.uniform(0.95 * radius, SIZE - 0.95 * radius, 2)
    stamp(canvas, grain(strokes, random.uniform(0.1, 0.35), random), chalk, x, y)
    return finish(canvas, random, noise=random.uniform(4, 10))
