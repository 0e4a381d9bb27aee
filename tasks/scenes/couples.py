"""Couples: an entailment about two things at once: both are named truly, one of them wrongly, or one in a way that can't be seen.

A contradiction gives one of them a colour and a shape that nothing in the picture has.
"""

from __future__ import annotations

import numpy as np

from tasks.scenes.described import Example, arrange, other, scene_of, some
from tasks.scenes.draw import COLOURS, SHAPES
from tasks.scenes.entailment import CLASSES as CLASSES
from tasks.scenes.grammar import article

UNSEEN = ("old", "hollow", "costly", "fragile", "dry", "famous")


def make(index: int, random: np.random.Generator) -> Example:
    """An example of the class whose turn it is."""
    label = CLASSES[index % 3]
    things = arrange(random, 2, 13, 16)
    first, second = things
    says = [f"{thing.colour} {thing.shape}" for thing in things]
    if label == "contradiction":
        colour = other(random, tuple(COLOURS), first.colour, second.colour)
        shape = other(random, tuple(SHAPES), first.shape, second.shape)
        says[int(random.integers(2))] = f"{colour} {shape}"
    elif label == "neutral":
        says[int(random.integers(2))] += f" that is {some(random, UNSEEN, 1)[0]}"
    text = f"the picture shows {article(says[0])} and {article(says[1])}."
    return Example(scene_of(things, random), text, index % 3)
