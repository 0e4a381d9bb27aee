"""Entailment: does the sentence follow from the photograph, is it denied by it, or does it show neither?

A photograph is either sharp and black-and-white, which hides colours, or coloured and out of focus, which hides
patterns. A sentence speaks of a colour or of a pattern. So a sentence is neutral when its word is hidden here and all
else that it says is true; the same sentence is decided under the other sort of photograph. Labels are dealt so that

    P(label | sort of photograph) = P(label | wording, word) = 1/3,

hence neither the picture nor the sentence alone says anything, only both together.
"""

from __future__ import annotations

import numpy as np

from tasks.scenes.described import Example, arrange, other, scene_of, some
from tasks.scenes.draw import COLOURS, PATTERNS, SHAPES, Thing
from tasks.scenes.grammar import article, relation

CLASSES = ("entailment", "neutral", "contradiction")
OPPOSITE = {"left of": "right of", "right of": "left of", "above": "below", "below": "above"}
ELSEWHERE = 0.4  # share of contradictions that deny shape or place rather than the word, in both sorts of photograph


def sentence(wording: str, word: str, shape: str, place: str, second: str) -> str:
    """The sentence about a shape and a word for its colour or pattern."""
    match wording:
        case "attribute":
            return f"the {shape} is {word}."
        case "presence":
            return f"there is {article(f'{word} {shape}')}."
        case "relation":
            return f"there is {article(f'{word} {shape}')} {place} a {second}."
        case _:
            raise ValueError(f"unknown wording {wording!r}")


def make(index: int, random: np.random.Generator) -> Example:
    """An example of the class whose turn it is."""
    label = CLASSES[index % 3]
    about_colour = bool(random.uniform() < 0.5)
    wording = some(random, ("attribute", "presence", "relation"), 1)[0]
    count = 2 if wording == "relation" else int(random.integers(1, 3))
    things = arrange(random, count, 13 if count == 2 else 15, 16 if count == 2 else 22)
    # "the star is red." takes the star for granted, so it is denied by its colour only
    elsewhere = label == "contradiction" and wording != "attribute" and random.uniform() < ELSEWHERE
    hidden = label == "neutral" or (elsewhere and random.uniform() < 0.5)

    thing, options = things[0], tuple(COLOURS) if about_colour else PATTERNS
    shape, word = thing.shape, thing.colour if about_colour else thing.pattern
    place, second = (relation(thing, things[1]), things[1].shape) if count == 2 else ("", "")
    if hidden:
        word = some(random, options, 1)[0]
    if elsewhere:
        shape, place, second = _denied(wording, shape, place, second, things, random)
    elif label == "contradiction":
        word = other(random, options, word)
    grey = about_colour == hidden
    return Example(scene_of(things, random, grey), sentence(wording, word, shape, place, second), index % 3, blurred=not grey)


def _denied(
    wording: str, shape: str, place: str, second: str, things: list[Thing], random: np.random.Generator
) -> tuple[str, str, str]:
    """A shape that isn't there or, of a relation, as often the opposite place."""
    if wording == "relation" and random.uniform() < 0.5:
        return shape, OPPOSITE[place], second
    return other(random, tuple(SHAPES), *(thing.shape for thing in things)), place, second
