"""Creatures: ten invented species that differ in combinations of small parts, so that no single part gives one away.

The first nine are an orthogonal array: any two of body, eyes, top and coat name the species, any one leaves three.
Colour, size, place, tilt, which way it looks and the background say nothing.
"""

from __future__ import annotations

import colorsys
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from tasks.scenes.draw import OVERSAMPLING, SHAPES, SIZE, Polygon, blank, finish, pattern


@dataclass(frozen=True)
class Species:
    name: str
    body: str  # round, square or pointed
    eyes: int  # 1, 2 or 3
    top: str  # ears, antennae or horns
    coat: str  # plain, dotted or striped
    tail: bool


SPECIES = (
    Species("mivo", "round", 1, "ears", "plain", True),
    Species("tarnu", "round", 2, "antennae", "dotted", False),
    Species("belko", "round", 3, "horns", "striped", True),
    Species("zorvi", "square", 1, "antennae", "striped", False),
    Species("quapi", "square", 2, "horns", "plain", True),
    Species("drelu", "square", 3, "ears", "dotted", False),
    Species("nushi", "pointed", 1, "horns", "dotted", True),
    Species("gromu", "pointed", 2, "ears", "striped", False),
    Species("vekla", "pointed", 3, "antennae", "plain", False),
    Species("yombi", "round", 2, "ears", "striped", True),
)
CLASSES = tuple(species.name for species in SPECIES)

Colour = tuple[int, int, int]


def ellipse(x: float, y: float, width: float, height: float) -> Polygon:
    """An ellipse of the given half axes; the body's half width is about 1 and y points down."""
    angle = np.linspace(0, 2 * np.pi, 36, endpoint=False)
    return np.stack([x + width * np.cos(angle), y + height * np.sin(angle)], 1)


@dataclass(frozen=True)
class Body:
    """A body's outline, and where the other parts sit on it."""

    outline: Polygon
    top: float  # half the distance between the ears
    height: float  # how far up they sit
    face: float  # height of the eyes
    tail: float  # where the tail begins, to the side


BODIES = {
    "round": Body(ellipse(0, 0, 0.95, 0.95), top=0.5, height=0.8, face=-0.3, tail=0.65),
    "square": Body(SHAPES["square"][0][0], top=0.5, height=0.8, face=-0.35, tail=0.7),
    "pointed": Body(SHAPES["triangle"][0][0], top=0.32, height=0.5, face=0.1, tail=0.65),
}


class Pencil:
    """Draws polygons that are given in the creature's own coordinates."""

    def __init__(self, image: Image.Image, centre: np.ndarray, radius: float, angle: float, mirrored: bool) -> None:
        self.pen = ImageDraw.Draw(image)
        turn = np.deg2rad(angle)
        rotation = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
        self.matrix = np.diag([-1.0 if mirrored else 1.0, 1.0]) @ rotation * radius * OVERSAMPLING
        self.centre = centre * OVERSAMPLING
        self.width = max(1, round(0.14 * radius * OVERSAMPLING))

    def place(self, polygon: object) -> list[tuple[float, float]]:
        return [(float(x), float(y)) for x, y in np.asarray(polygon, float) @ self.matrix + self.centre]

    def fill(self, polygon: object, colour: object) -> None:
        self.pen.polygon(self.place(polygon), fill=colour)  # type: ignore[arg-type]

    def line(self, points: object, colour: Colour) -> None:
        self.pen.line(self.place(points), fill=colour, width=self.width, joint="curve")


def draw_top(pencil: Pencil, kind: str, body: Body, colour: Colour, tip: Colour) -> None:
    for side in (-1, 1):
        x, y = side * body.top, -body.height
        if kind == "ears":
            pencil.fill(ellipse(1.2 * x, y - 0.1, 0.36, 0.36), colour)
            pencil.fill(ellipse(1.2 * x, y - 0.1, 0.18, 0.18), tip)
        elif kind == "horns":
            pencil.fill([(0.3 * x, y + 0.2), (1.5 * x, y - 0.7), (1.7 * x, y + 0.4)], tip)
        else:
            pencil.line([(0.7 * x, y + 0.2), (x, y - 0.4)], colour)
            pencil.fill(ellipse(x, y - 0.45, 0.2, 0.2), tip)


def draw_eyes(pencil: Pencil, count: int, height: float) -> None:
    size = 0.34 if count == 1 else 0.24
    for x in {1: (0.0,), 2: (-0.27, 0.27), 3: (-0.44, 0.0, 0.44)}[count]:
        pencil.fill(ellipse(x, height, size, size), (250, 250, 250))
        pencil.fill(ellipse(x, height, 0.55 * size, 0.55 * size), (15, 15, 20))


def bright(random: np.random.Generator, value: float) -> Colour:
    red, green, blue = colorsys.hsv_to_rgb(random.uniform(), random.uniform(0.4, 0.8), value)
    return round(255 * red), round(255 * green), round(255 * blue)


def draw(label: int, random: np.random.Generator) -> np.ndarray:
    """One creature of the class's species."""
    species = SPECIES[label]
    body = BODIES[species.body]
    colour, trim = bright(random, 0.75), bright(random, 0.5)
    radius = random.uniform(16, 21)
    centre = np.array([random.uniform(1.15 * radius, SIZE - 1.15 * radius), random.uniform(1.4 * radius, SIZE - 1.1 * radius)])
    ground = random.uniform(185, 245) + random.uniform(-15, 15, 3)
    image = Image.fromarray(np.clip(blank(tuple(ground)), 0, 255).astype(np.uint8))
    mask = Image.new("L", image.size)
    angle, mirrored = random.uniform(-12, 12), bool(random.uniform() < 0.5)
    pencil, stencil = (Pencil(sheet, centre, radius, angle, mirrored) for sheet in (image, mask))
    draw_top(pencil, species.top, body, colour, trim)
    if species.tail:
        pencil.line([(body.tail, 0.55), (1.05, 0.6), (1.25, 0.3), (1.2, -0.1)], trim)
    for side in (-1, 1):
        pencil.fill(ellipse(side * 0.4, 0.88, 0.24, 0.18), trim)
    stencil.fill(body.outline, 255)
    coat = pattern(species.coat, len(np.asarray(mask)), random.uniform(6, 8), random.uniform())
    light = tuple(round(channel + 0.65 * (255 - channel)) for channel in colour)
    image.paste(colour, mask=mask)
    image.paste(light, mask=Image.fromarray((np.asarray(mask) * coat).astype(np.uint8)))
    draw_eyes(pencil, species.eyes, body.face)
    return finish(np.asarray(image, np.float32), random, noise=random.uniform(3, 8))
