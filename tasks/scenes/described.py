"""What the tasks with sentences share: scenes in which every attribute names one thing, and examples made of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from PIL import Image

from tasks.base import Split, SplitName
from tasks.scenes.draw import COLOURS, PATTERNS, SHAPES, Thing
from tasks.scenes.drawn import generator, identifiers
from tasks.scenes.grammar import Scene, random_thing

NOISE = 4.0


@dataclass(frozen=True)
class Example:
    """One row: a scene, what is said or asked about it, and the answer's class number."""

    scene: Scene
    text: str
    label: int


Make = Callable[[int, np.random.Generator], Example]  # row number and its randomness -> example


def some(random: np.random.Generator, options: Sequence[str], count: int) -> list[str]:
    """`count` different ones of the options."""
    return [options[number] for number in random.permutation(len(options))[:count]]


def other(random: np.random.Generator, options: Sequence[str], *taken: str) -> str:
    """One of the options that is none of those taken."""
    return some(random, [option for option in options if option not in taken], 1)[0]


def clear(first: Thing, second: Thing) -> bool:
    """Whether two things lie apart, and one beside or above the other rather than askew."""
    dx, dy = abs(first.x - second.x), abs(first.y - second.y)
    return np.hypot(dx, dy) > first.radius + second.radius and max(dx, dy) > 1.5 * min(dx, dy)


def arrange(random: np.random.Generator, count: int, smallest: float, largest: float) -> list[Thing]:
    """Things that lie clear of each other and differ in shape, in colour and in pattern."""
    things: list[Thing] = []
    while len(things) < count:
        new = random_thing(random, smallest, largest)
        if all(clear(new, thing) for thing in things):
            things.append(new)
        elif random.uniform() < 0.05:
            things.clear()  # the first ones may leave no room
    shapes, colours, patterns = (some(random, tuple(names), count) for names in (SHAPES, COLOURS, PATTERNS))
    return [
        replace(thing, shape=shapes[number], colour=colours[number], pattern=patterns[number])
        for number, thing in enumerate(things)
    ]


def scene_of(things: Sequence[Thing], random: np.random.Generator, grey: bool = False) -> Scene:
    return Scene(tuple(things), grey, int(random.integers(190, 245)))


def photograph(example: Example, random: np.random.Generator) -> Image.Image:
    """The example's picture."""
    return Image.fromarray(example.scene.draw(random, NOISE))


def described_split(task: int, count: int, make: Make, split: SplitName) -> Split:
    """A split whose sentences and labels are at hand and whose pictures are drawn when they are asked for."""
    examples = [make(index, generator(task, split, index)) for index in range(count)]
    return Split(
        identifiers(split, count),
        partial(_draw_one, task, make, split),
        np.array([example.label for example in examples], np.int64),
        [example.text for example in examples],
    )


def _draw_one(task: int, make: Make, split: SplitName, index: int) -> Image.Image:
    random = generator(task, split, index)
    return photograph(make(index, random), random)
