"""Entailment: does the sentence follow from the picture, is it denied by it, or can no picture tell?

A neutral sentence ascribes something that can't be seen ("the star is red and heavy."); what else it says is true. An
entailed one says the thing's colour, pattern and shape; a contradiction says others. As in SNLI-VE, the sentence alone
gives the neutral ones away; what is entailed and what is denied can only be told from the picture, so that a reader
of sentences alone is right two times out of three.
"""

from __future__ import annotations

import numpy as np

from tasks.scenes.described import Example, arrange, other, scene_of, some
from tasks.scenes.draw import COLOURS, PATTERNS, SHAPES
from tasks.scenes.grammar import article

CLASSES = ("entailment", "neutral", "contradiction")
UNSEEN = ("heavy", "warm", "wooden", "cheap", "new", "soft", "sweet", "loud")


def sentence(wording: str, first: str, second: str, shape: str) -> str:
    """Two qualities of a shape in one of two wordings."""
    if wording == "presence":
        return f"there is {article(f'{first} {second} {shape}')}."
    return f"the {shape} is {first} and {second}."


def make(index: int, random: np.random.Generator) -> Example:
    """An example of the class whose turn it is."""
    label = CLASSES[index % 3]
    wording = some(random, ("presence", "attribute"), 1)[0]
    count = int(random.integers(1, 3))
    things = arrange(random, count, 13 if count == 2 else 15, 16 if count == 2 else 22)
    thing = things[0]
    shape, colour, pattern = thing.shape, thing.colour, thing.pattern
    if label == "contradiction":
        colour = other(random, tuple(COLOURS), *(one.colour for one in things))
        pattern = other(random, PATTERNS, *(one.pattern for one in things))
        if wording == "presence":  # "the star is red and plain" takes the star for granted
            shape = other(random, tuple(SHAPES), *(one.shape for one in things))
    if label == "neutral":
        pattern = some(random, UNSEEN, 1)[0]
    return Example(scene_of(things, random), sentence(wording, colour, pattern, shape), index % 3)
