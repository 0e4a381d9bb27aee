"""Question answering over closed answers: yes and no, eight colours, counts up to three, eight shapes.

The answer comes first and the scene is made to fit it, so that every answer is equally frequent.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from tasks.scenes.described import Example, arrange, other, scene_of, some
from tasks.scenes.draw import COLOURS, PATTERNS, SHAPES, Thing
from tasks.scenes.grammar import article, relation

COUNTS = ("one", "two", "three")
COLOUR_NAMES, SHAPE_NAMES = tuple(COLOURS), tuple(SHAPES)
CLASSES = ("yes", "no", *COLOUR_NAMES, *COUNTS, *SHAPE_NAMES)
LARGEST = {1: 22.0, 2: 16.0, 3: 12.0}  # radius by the number of things


def make(index: int, random: np.random.Generator) -> Example:
    """An example of the answer whose turn it is."""
    answer = CLASSES[index % len(CLASSES)]
    if answer in COUNTS:
        things, question = _how_many(COUNTS.index(answer) + 1, random)
    elif answer in COLOURS:
        things, question = _what_colour(answer, random)
    elif answer in SHAPES:
        things, question = _what_shape(answer, random)
    else:
        things, question = _whether(answer == "yes", random)
    order = random.permutation(len(things))  # the thing asked about is drawn in any turn
    return Example(scene_of([things[turn] for turn in order], random), question, index % len(CLASSES))


def _things(random: np.random.Generator, count: int) -> list[Thing]:
    return arrange(random, count, 10 if count > 1 else 12, LARGEST[count])


def _how_many(number: int, random: np.random.Generator) -> tuple[list[Thing], str]:
    if random.uniform() < 0.6:
        return _things(random, number), "how many things are there?"
    things = _things(random, 3)
    colour = things[0].colour
    things = [replace(thing, colour=colour) if turn < number else thing for turn, thing in enumerate(things)]
    return things, f"how many {colour} things are there?"


def _with(thing: Thing, rest: list[Thing], attribute: str, value: str) -> list[Thing]:
    """The things after the first has got a value of which there is only one; whoever had it swaps."""
    wanted: dict[str, Any] = {attribute: value}
    old: dict[str, Any] = {attribute: getattr(thing, attribute)}
    return [replace(thing, **wanted), *(replace(one, **old) if getattr(one, attribute) == value else one for one in rest)]


def _what_colour(colour: str, random: np.random.Generator) -> tuple[list[Thing], str]:
    first, *rest = _things(random, int(random.integers(1, 4)))
    name = first.shape if random.uniform() < 0.7 else f"{first.pattern} thing"
    return _with(first, rest, "colour", colour), f"what color is the {name}?"


def _what_shape(shape: str, random: np.random.Generator) -> tuple[list[Thing], str]:
    first, *rest = _things(random, int(random.integers(1, 4)))
    word = first.colour if random.uniform() < 0.6 else first.pattern
    question = f"what shape is the {word} thing?" if random.uniform() < 0.5 else f"what is the shape of the {word} thing?"
    return _with(first, rest, "shape", shape), question


def _whether(yes: bool, random: np.random.Generator) -> tuple[list[Thing], str]:
    things = _things(random, int(random.integers(2, 4)))
    first, second = things[0], things[1]
    kind = some(random, ("presence", "relation", "pattern"), 1)[0]
    if kind == "relation":
        asked = relation(first, second) if yes else relation(second, first)
        return things, f"is the {first.shape} {asked} the {second.shape}?"
    if kind == "pattern":
        pattern = first.pattern if yes else other(random, PATTERNS, first.pattern)
        return things, f"is the {first.shape} {pattern}?"
    colour, shape = first.colour, first.shape
    if not yes and random.uniform() < 0.5:
        colour = second.colour  # both words are right, though of different things
    elif not yes:
        shape = other(random, SHAPE_NAMES, *(thing.shape for thing in things))
    return things, f"is there {article(f'{colour} {shape}')}?"
