"""Retrieval: scenes of two things, and captions in dialect, of which each fits one picture of its split."""

from __future__ import annotations

import itertools
from functools import partial
from itertools import combinations

import numpy as np
from PIL import Image

from tasks.base import Split, SplitName
from tasks.scenes.described import Example, arrange, photograph, scene_of
from tasks.scenes.dialect import DIALECT, Dialect, sentence
from tasks.scenes.drawn import TEST_EXAMPLES, generator, identifiers
from tasks.scenes.grammar import Scene

SHOT_UNIT = 32
GROWN_FROM = 1600  # the first rows of the train pool are what they were when it had no others
SIZES: dict[SplitName, int] = {"train": 4096, "val": 200, "test": TEST_EXAMPLES}


def make(random: np.random.Generator, dialect: Dialect = DIALECT) -> Example:
    things = arrange(random, 2, 10, 16)
    scene = scene_of(things, random)
    return Example(scene, sentence(scene.things, random, dialect), -1)


def contents(scene: Scene) -> set[frozenset[tuple[str, str, str]]]:
    """All pairs of things in the picture: what a caption in full could say of it, whatever its places and words."""
    things = [(thing.shape, thing.colour, thing.pattern) for thing in scene.things]
    return {frozenset(pair) for pair in combinations(things, 2)}


def load(task: int, split: SplitName, dialect: Dialect = DIALECT) -> Split:
    """One split, no two of whose pictures share a pair of things: a row that would takes the next free seed."""
    count = SIZES[split]
    seen: set[frozenset[tuple[str, str, str]]] = set()
    seeds: list[int] = []
    texts: list[str] = []
    for seed in itertools.count():
        if len(seeds) == count:
            break
        example = make(generator(task, split, seed), dialect)
        pairs = contents(example.scene)
        if not pairs & seen:
            seen |= pairs
            seeds.append(seed)
            texts.append(example.text)
    return Split(identifiers(split, count), partial(_draw_one, task, split, seeds), np.full(count, -1, np.int64), texts)


def _draw_one(task: int, split: SplitName, seeds: list[int], index: int) -> Image.Image:
    random = generator(task, split, seeds[index])
    return photograph(make(random), random)
