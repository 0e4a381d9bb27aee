"""A dialect that pretraining never heard: synonyms for about half of the words, other word orders and connectives."""

from __future__ import annotations

import numpy as np

from tasks.scenes.described import some
from tasks.scenes.draw import Thing
from tasks.scenes.grammar import article, relation

SYNONYMS = {
    "red": "ruby",
    "green": "jade",
    "blue": "azure",
    "yellow": "gold",
    "orange": "amber",
    "purple": "plum",
    "pink": "rose",
    "brown": "tan",
    "plain": "solid",
    "striped": "lined",
    "dotted": "spotted",
    "checkered": "tiled",
    "circle": "disc",
    "square": "box",
    "triangle": "cone",
    "star": "spark",
    "heart": "valentine",
    "cross": "plus",
    "ring": "hoop",
    "moon": "crescent",
}
PLACES = {"left of": "west of", "right of": "east of", "above": "over", "below": "under"}
FOREIGN = 0.5  # share of words said in the dialect


def say(word: str, random: np.random.Generator) -> str:
    return SYNONYMS[word] if random.uniform() < FOREIGN else word


def phrase(thing: Thing, random: np.random.Generator) -> str:
    """'a lined disc in ruby': colour, pattern and shape in one of three orders."""
    colour, pattern, shape = (say(word, random) for word in (thing.colour, thing.pattern, thing.shape))
    order = (
        f"{shape} in {colour} {pattern}",
        f"{pattern} {shape} in {colour}",
        f"{pattern} {colour} {shape}",
    )
    return article(some(random, order, 1)[0])


def sentence(things: tuple[Thing, ...], random: np.random.Generator) -> str:
    """Two things in full, and where the first one is seen from the second."""
    first, second = things
    return f"{phrase(first, random)} {PLACES[relation(first, second)]} {phrase(second, random)}"
