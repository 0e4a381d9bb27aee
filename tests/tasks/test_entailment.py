"""Entailment: labels re-derived from scenes by plain code; neither picture nor sentence alone says anything."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression

from tasks.bundled import TASKS
from tasks.scenes.described import Example, photograph
from tasks.scenes.draw import COLOURS, Thing
from tasks.scenes.drawn import generator
from tasks.scenes.entailment import CLASSES, make
from tasks.scenes.grammar import Scene

TASK = next(task for task in TASKS if task.name == "scenes-entailment")
SENTENCE = re.compile(
    r"(?:the (?P<named>\w+) is (?P<said>\w+)"
    r"|there is an? (?P<word>\w+) (?P<shape>\w+)(?: (?P<place>left of|right of|above|below) a (?P<second>\w+))?)\."
)


@pytest.fixture(scope="module")
def examples() -> list[Example]:
    """Many more than the task holds, so that shares are sharp."""
    return [make(index, generator(5, "train", 10_000 + index)) for index in range(4500)]


def is_at(place: str, one: Thing, other: Thing) -> bool:
    beside = abs(one.x - other.x) > abs(one.y - other.y)
    if place in ("left of", "right of"):
        return beside and (one.x < other.x) == (place == "left of")
    return not beside and (one.y < other.y) == (place == "above")


def truth(example: Example) -> str:
    match = SENTENCE.fullmatch(example.text)
    assert match, example.text
    word, shape = match["word"] or match["said"], match["shape"] or match["named"]
    things = {thing.shape: thing for thing in example.scene.things}
    if match["named"]:
        assert shape in things  # "the star" needs a star
    if shape not in things or (match["second"] and match["second"] not in things):
        return "contradiction"
    if match["place"] and not is_at(match["place"], things[shape], things[match["second"]]):
        return "contradiction"
    if example.scene.grey if word in COLOURS else example.blurred:
        return "neutral"
    return "entailment" if word in (things[shape].colour, things[shape].pattern) else "contradiction"


def test_labels_follow_from_the_scenes(examples: list[Example]) -> None:
    assert [CLASSES[example.label] for example in examples] == [truth(example) for example in examples]


def test_the_task_gives_these_examples() -> None:
    made = [make(index, generator(5, "test", index)) for index in range(600)]
    assert TASK.test.texts == [example.text for example in made]
    assert [TASK.class_names[label] for label in TASK.test.labels] == [truth(example) for example in made]


def test_every_shape_in_a_scene_is_there_once(examples: list[Example]) -> None:
    assert all(len({thing.shape for thing in example.scene.things}) == len(example.scene.things) for example in examples)


def test_a_classifier_of_sentences_is_near_chance(examples: list[Example]) -> None:
    words = CountVectorizer(ngram_range=(1, 2))
    counts = words.fit_transform(example.text for example in examples)
    model = LogisticRegression(max_iter=300).fit(counts, [example.label for example in examples])
    assert model.score(words.transform(TASK.test.texts), TASK.test.labels) < 0.40


def test_the_sort_of_photograph_says_nothing(examples: list[Example]) -> None:
    counts = Counter((example.blurred, example.label) for example in examples)
    assert all(abs(count / len(examples) - 1 / 6) < 0.02 for count in counts.values())
    assert len(counts) == 6
    assert all(example.blurred != example.scene.grey for example in examples)


def test_how_many_things_there_are_says_nothing(examples: list[Example]) -> None:
    for count in (1, 2):
        labels = Counter(example.label for example in examples if len(example.scene.things) == count)
        assert all(abs(number / labels.total() - 1 / 3) < 0.03 for number in labels.values())


def test_black_and_white_has_no_colour_and_blur_no_pattern() -> None:
    thing = Thing("square", "red", radius=22)
    grey = np.asarray(photograph(Example(Scene((thing,), grey=True), "", 0), np.random.default_rng(0)))
    assert (grey == grey[..., :1]).all()

    def inside(pattern: str, blurred: bool) -> float:
        scene = Scene((replace(thing, pattern=pattern),))
        picture = photograph(Example(scene, "", 0, blurred), np.random.default_rng(0))
        return float(np.asarray(picture, float)[22:42, 22:42].mean(2).std())

    for pattern in ("striped", "dotted", "checkered"):
        assert inside(pattern, blurred=False) > 20
        assert inside(pattern, blurred=True) < inside("plain", blurred=True) + 3
