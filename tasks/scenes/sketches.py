"""Sketches: the shapes of pretraining as line drawings, which pretraining never showed."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageFilter

from tasks.scenes.draw import OVERSAMPLING, SHAPES, SIZE, Polygon, blank, finish, paint, polygon_mask

CLASSES = tuple(SHAPES)
ROOM = 1.25  # how much larger than the shape its mask is, so that no bend touches the mask's border


def wobbly(polygon: Polygon, strength: float, random: np.random.Generator) -> Polygon:
    """The polygon as an unsteady hand draws it: bent along smoothly, so that neighbouring corners move together."""
    waves = random.normal(0, strength, (2, 2, 2))
    phases = random.uniform(0, 2 * np.pi, (2, 2, 2))
    bent = polygon.astype(float)
    for axis in range(2):
        for source in range(2):
            for wave in range(2):
                frequency = 1.5 * (wave + 1)
                bent[:, axis] += waves[axis, source, wave] * np.sin(frequency * polygon[:, source] + phases[axis, source, wave])
    return bent


def outline(mask: np.ndarray, width: float) -> np.ndarray:
    """The inner edge of a mask [side, side], `width` finished pixels thick."""
    size = 2 * max(1, round(width * OVERSAMPLING / 2)) + 1
    image = Image.fromarray((mask * 255).astype(np.uint8))
    inner = np.asarray(image.filter(ImageFilter.MinFilter(size)), np.float32) / 255
    return mask - inner


def draw(label: int, random: np.random.Generator) -> np.ndarray:
    """A line drawing of the class's shape, more tilted than in pretraining, in dark ink on tinted paper."""
    paper = random.uniform(175, 245) + random.uniform(-25, 25, 3)
    ink = np.clip(random.uniform(15, 75) + random.normal(0, 15, 3), 0, 110)
    solid, holes = SHAPES[CLASSES[label]]
    strength = random.uniform(0, 0.03)
    radius = random.uniform(14, 25)
    mask = polygon_mask(
        [wobbly(polygon, strength, random) / ROOM for polygon in solid],
        [wobbly(polygon, strength, random) / ROOM for polygon in holes],
        radius * ROOM,
        random.uniform(-30, 30),
    )
    line = outline(mask, random.uniform(2.2, 4.5))
    x, y = random.uniform(0.95 * radius, SIZE - 0.95 * radius, 2)
    canvas = blank(tuple(paper))
    stamp(canvas, line, ink.astype(np.float32), x, y)
    return finish(canvas, random, noise=random.uniform(3, 9))


def stamp(canvas: np.ndarray, mask: np.ndarray, colour: np.ndarray, x: float, y: float) -> None:
    """Paint a mask whose centre lies at (x, y) in finished pixels; what falls off the canvas is cut."""
    top, left = (round(centre * OVERSAMPLING - side / 2) for centre, side in zip((y, x), mask.shape, strict=True))
    cut_top, cut_left = max(0, -top), max(0, -left)
    if colour.ndim == 3:
        colour = colour[cut_top:, cut_left:]
    paint(canvas, mask[cut_top:, cut_left:], colour, max(0, top), max(0, left))
