"""Entailment: labels re-derived from scenes by plain code; the picture alone says nothing, the sentence not all."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression

from tasks.bundled import TASKS
from tasks.scenes.described import Example
from tasks.scenes.drawn import generator
from tasks.scenes.entailment import CLASSES, UNSEEN, make

TASK = next(task for task in TASKS if task.name == "scenes-entailment")
SENTENCE = re.compile(
    r"(?:the (?P<named>\w+) is (?P<colour>\w+) and (?P<quality>\w+)"
    r"|there is an? (?P<colour2>\w+) (?P<quality2>\w+) (?P<shape>\w+))\."
)


@pytest.fixture(scope="module")
def examples() -> list[Example]:
    """Many more than the task holds, so that shares are sharp."""
    return [make(index, generator(5, "train", 10_000 + index)) for index in range(3000)]


def truth(example: Example) -> str:
    match = SENTENCE.fullmatch(example.text)
    assert match, example.text
    shape, colour = match["named"] or match["shape"], match["colour"] or match["colour2"]
    quality = match["quality"] or match["quality2"]
    things = {thing.shape: thing for thing in example.scene.things}
    if match["named"]:
        assert shape in things  # "the star" needs a star
    if shape not in things or things[shape].colour != colour:
        return "contradiction"
    if quality in UNSEEN:
        return "neutral"
    return "entailment" if things[shape].pattern == quality else "contradiction"


def test_labels_follow_from_the_scenes(examples: list[Example]) -> None:
    assert [CLASSES[example.label] for example in examples] == [truth(example) for example in examples]


def test_the_task_gives_these_examples() -> None:
    made = [make(index, generator(5, "test", index)) for index in range(600)]
    assert TASK.test.texts == [example.text for example in made]
    assert [TASK.class_names[label] for label in TASK.test.labels] == [truth(example) for example in made]


def test_every_shape_in_a_scene_is_there_once(examples: list[Example]) -> None:
    assert all(len({thing.shape for thing in example.scene.things}) == len(example.scene.things) for example in examples)


def test_a_reader_of_sentences_alone_is_right_two_times_out_of_three(examples: list[Example]) -> None:
    words = CountVectorizer(ngram_range=(1, 2))
    counts = words.fit_transform(example.text for example in examples)
    model = LogisticRegression(max_iter=300).fit(counts, [example.label for example in examples])
    assert 0.60 < model.score(words.transform(TASK.test.texts), TASK.test.labels) < 0.73


def test_how_many_things_there_are_says_nothing(examples: list[Example]) -> None:
    for count in (1, 2):
        labels = Counter(example.label for example in examples if len(example.scene.things) == count)
        assert all(abs(number / labels.total() - 1 / 3) < 0.03 for number in labels.values())
