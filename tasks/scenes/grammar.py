"""What the drawn pictures are called: scenes of one or two things, and their captions."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from tasks.scenes.draw import COLOURS, DIGITS, PATTERNS, SHAPES, SIZE, Thing, blank, draw_thing, finish

LARGE = 17.0  # radius in pixels from which on a thing may be called large; below 12 it may be called small


@dataclass(frozen=True)
class Scene:
    """Things on a background, as a colour or as a black-and-white photograph."""

    things: tuple[Thing, ...]
    grey: bool = False
    background: int = 225

    def draw(self, random: np.random.Generator, noise: float = 4.0) -> np.ndarray:
        """The picture, [64, 64, 3] uint8."""
        tint = random.uniform(-12, 12, 3)
        canvas = blank(tuple(self.background + tint))
        for thing in self.things:
            draw_thing(canvas, thing, random)
        return finish(canvas, random, noise, self.grey)


def choose(random: np.random.Generator, options: object) -> str:
    names = list(options)  # type: ignore[call-overload]
    return str(names[random.integers(len(names))])


def random_thing(random: np.random.Generator, smallest: float = 9, largest: float = 24, tilt: float = 12) -> Thing:
    """One thing anywhere on the canvas, mostly inside it."""
    radius = random.uniform(smallest, largest)
    margin = 0.9 * radius
    x, y = random.uniform(margin, SIZE - margin, 2)
    return Thing(
        choose(random, SHAPES), choose(random, COLOURS), choose(random, PATTERNS), x, y, radius, random.uniform(-tilt, tilt)
    )


def random_scene(random: np.random.Generator, count: int, grey: bool = False) -> Scene:
    """A scene of `count` things that don't overlap; no two are alike in both shape and colour."""
    background = int(random.integers(190, 245))
    if count == 1:
        return Scene((random_thing(random),), grey, background)
    limit = {2: 15, 3: 12}[count]
    things: list[Thing] = []
    while len(things) < count:
        new = random_thing(random, 9, limit)
        apart = all((new.x - t.x) ** 2 + (new.y - t.y) ** 2 > (new.radius + t.radius) ** 2 for t in things)
        if apart and all((new.shape, new.colour) != (t.shape, t.colour) for t in things):
            things.append(new)
        elif not apart and random.uniform() < 0.02:
            things.clear()  # a first thing in the middle may leave no room
    return Scene(tuple(things), grey, background)


def random_digit(random: np.random.Generator) -> Scene:
    """A scene with one large printed digit."""
    thing = random_thing(random, 16, 28)
    thing = replace(
        thing, shape=choose(random, DIGITS), pattern="plain", x=SIZE / 2 + random.normal(0, 3), y=SIZE / 2 + random.normal(0, 3)
    )
    return Scene((thing,), grey=bool(random.uniform() < 0.5), background=int(random.integers(190, 245)))


def noun_phrase(thing: Thing, colour: bool = True, pattern: bool = True, size: bool = False, shape: bool = True) -> str:
    """'large red striped circle', with the attributes that are asked for."""
    words = []
    if size:
        words.append("large" if thing.radius >= LARGE else "small")
    if colour:
        words.append(thing.colour)
    if pattern:
        words.append(thing.pattern)
    if not shape:
        words.append("thing")
    elif thing.shape in DIGITS:
        words.append(f"number {thing.shape}")
    else:
        words.append(thing.shape)
    return " ".join(words)


def article(phrase: str) -> str:
    return ("an " if phrase[0] in "aeiou" else "a ") + phrase


def relation(first: Thing, second: Thing) -> str:
    """Where the first is, seen from the second."""
    dx, dy = first.x - second.x, first.y - second.y
    if abs(dx) > abs(dy):
        return "left of" if dx < 0 else "right of"
    return "above" if dy < 0 else "below"


def caption(scene: Scene, random: np.random.Generator) -> str:
    """A true caption of a scene of one or two things; attributes are left out at random, the shape hardly ever."""
    phrases = []
    for thing in scene.things:
        keep = random.uniform(size=4)
        sized = (thing.radius >= LARGE or thing.radius < 12) and keep[2] < 0.3
        colour = keep[0] < 0.65 and not scene.grey
        pattern = keep[1] < 0.65
        shape = keep[3] < 0.9 or not (colour or pattern)
        phrases.append(article(noun_phrase(thing, colour, pattern, sized, shape)))
    if len(phrases) == 1:
        text = phrases[0]
    elif random.uniform() < 0.5:
        text = f"{phrases[0]} {relation(*scene.things)} {phrases[1]}"
    else:
        text = f"{phrases[0]} and {phrases[1]}"
    if scene.grey:
        return f"a black and white photo of {text}."
    opening = ("", "a photo of ", "a picture of ", "there is ")[random.integers(4)]
    return f"{opening}{text}."
