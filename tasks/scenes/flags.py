"""Flags: ten invented countries, told apart by how the cloth is cut and by what stands on it together.

Three of each: any single quality leaves three countries or more. Colours, folds, size and place say nothing.
"""

from __future__ import annotations

import colorsys
from dataclasses import dataclass

import numpy as np

from tasks.scenes.draw import OVERSAMPLING, SHAPES, SIZE, blank, finish, paint, polygon_mask


@dataclass(frozen=True)
class Flag:
    country: str
    cut: str  # how the cloth is divided: across, down, hoist or saltire
    emblem: str  # of SHAPES
    place: str  # of the emblem: middle or corner


FLAGS = (
    Flag("Aldora", "across", "circle", "middle"),
    Flag("Benquil", "across", "star", "corner"),
    Flag("Corvane", "across", "moon", "middle"),
    Flag("Dusmere", "down", "circle", "corner"),
    Flag("Eltria", "down", "star", "middle"),
    Flag("Fenwold", "down", "moon", "corner"),
    Flag("Gorthal", "hoist", "circle", "middle"),
    Flag("Hispar", "hoist", "star", "corner"),
    Flag("Ivrene", "saltire", "moon", "middle"),
    Flag("Jolquay", "saltire", "star", "corner"),
)
CLASSES = tuple(flag.country for flag in FLAGS)
HEIGHT = 0.66  # of the width


def fields(cut: str, height: int, width: int) -> np.ndarray:
    """Which of three colours each point of the cloth has: [height, width], 0 to 2."""
    v, u = np.mgrid[:height, :width] / np.array([height, width]).reshape(2, 1, 1)
    if cut == "across":
        return (3 * v).astype(int)
    if cut == "down":
        return (3 * u).astype(int)
    if cut == "hoist":  # a triangle at the pole, two bands
        return np.where(u < 0.45 - 0.9 * np.abs(v - 0.5), 2, (2 * v).astype(int))
    return np.where(np.minimum(np.abs(u - v), np.abs(u - 1 + v)) < 0.13, 1, 0)


def colours(random: np.random.Generator) -> np.ndarray:
    """Three colours [3, 3] of different hue or lightness."""
    hue = random.uniform() + np.arange(3) / 3 + random.normal(0, 0.03, 3)
    values = random.permutation([0.45, 0.7, 0.9])
    tones = [colorsys.hsv_to_rgb(float(h % 1), random.uniform(0.5, 0.9), float(v)) for h, v in zip(hue, values, strict=True)]
    return 255 * np.array(tones, np.float32)


def draw(label: int, random: np.random.Generator) -> np.ndarray:
    """The country's flag in a breeze, in colours of its own."""
    flag = FLAGS[label]
    width = random.uniform(42, 56)
    w, h = round(width * OVERSAMPLING), round(width * HEIGHT * OVERSAMPLING)
    cloth = colours(random)[fields(flag.cut, h, w)]
    radius = width * HEIGHT * (0.26 if flag.place == "middle" else 0.2)
    emblem = polygon_mask(*SHAPES[flag.emblem], radius, random.uniform(-10, 10))
    x, y = (0.5, 0.5) if flag.place == "middle" else (0.2, 0.27)
    top, left = max(0, round(y * h - len(emblem) / 2)), max(0, round(x * w - len(emblem) / 2))
    paint(cloth, emblem, np.full(3, 250.0 if random.uniform() < 0.5 else 20.0, np.float32), top, left)
    canvas = blank(tuple(random.uniform(170, 245) + random.uniform(-20, 20, 3)))
    corner = [round(random.uniform(0, SIZE * OVERSAMPLING - size)) for size in (0.9 * h + 24, w)]
    phase, waves = random.uniform(0, 2 * np.pi), random.uniform(0.8, 1.6)
    fold = np.sin(phase + 2 * np.pi * waves * np.arange(w) / w)
    for column in range(w):  # each column of the cloth hangs a little higher or lower, in light or in shade
        first = max(0, corner[0] + 8 + round(6 * fold[column]))
        room = canvas[first : first + h, corner[1] + column]
        room[:] = np.clip(cloth[: len(room), column] * (1 + 0.12 * fold[column]), 0, 255)
    return finish(canvas, random, noise=random.uniform(3, 8))
