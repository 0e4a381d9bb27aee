"""Dialects that pretraining never heard: synonyms for about half of the words, other word orders and connectives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tasks.scenes.described import some
from tasks.scenes.draw import Thing
from tasks.scenes.grammar import article, relation

FOREIGN = 0.5  # share of words said in the dialect


@dataclass(frozen=True)
class Dialect:
    """How two things are told of."""

    synonyms: Mapping[str, str]
    places: Mapping[str, str]
    orders: tuple[str, ...]  # of a thing's words

    def say(self, word: str, random: np.random.Generator) -> str:
        return self.synonyms[word] if random.uniform() < FOREIGN else word


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
DIALECT = Dialect(
    SYNONYMS, PLACES, ("{shape} in {colour} {pattern}", "{pattern} {shape} in {colour}", "{pattern} {colour} {shape}")
)
# Of the development tasks: other words for the same.
SLANG = Dialect(
    {
        "red": "crimson",
        "green": "emerald",
        "blue": "cobalt",
        "yellow": "lemon",
        "orange": "tangerine",
        "purple": "violet",
        "pink": "salmon",
        "brown": "chestnut",
        "plain": "even",
        "striped": "barred",
        "dotted": "freckled",
        "checkered": "chessboard",
        "circle": "dot",
        "square": "block",
        "triangle": "wedge",
        "star": "asterisk",
        "heart": "lovesign",
        "cross": "xmark",
        "ring": "loop",
        "moon": "sickle",
    },
    {"left of": "leftward of", "right of": "rightward of", "above": "higher than", "below": "lower than"},
    ("{colour} {shape}, {pattern}", "{shape}, {pattern} and {colour}", "{colour} {pattern} {shape}"),
)


def phrase(thing: Thing, dialect: Dialect, random: np.random.Generator) -> str:
    """'a lined disc in ruby': colour, pattern and shape in one of the dialect's orders."""
    colour, pattern, shape = (dialect.say(word, random) for word in (thing.colour, thing.pattern, thing.shape))
    orders = [order.format(colour=colour, pattern=pattern, shape=shape) for order in dialect.orders]
    return article(some(random, orders, 1)[0])


def sentence(things: tuple[Thing, ...], random: np.random.Generator, dialect: Dialect = DIALECT) -> str:
    """Two things in full, and where the first one is seen from the second."""
    first, second = things
    return f"{phrase(first, dialect, random)} {dialect.places[relation(first, second)]} {phrase(second, dialect, random)}"
