"""Question answering: answers re-derived from scenes by plain code."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from tasks.bundled import TASKS
from tasks.scenes.answering import CLASSES, make
from tasks.scenes.described import Example
from tasks.scenes.draw import COLOURS, PATTERNS, Thing
from tasks.scenes.drawn import generator
from tasks.scenes.grammar import relation

TASK = next(task for task in TASKS if task.name == "scenes-vqa")
NUMBERS = ("none", "one", "two", "three")


@pytest.fixture(scope="module")
def examples() -> list[Example]:
    return [make(index, generator(6, "test", index)) for index in range(600)]


def fits(thing: Thing, words: str) -> bool:
    return all(word in (thing.colour, thing.pattern, thing.shape, "thing") for word in words.split())


def answer(example: Example) -> str:
    things = example.scene.things

    def the(words: str) -> Thing:
        (only,) = [thing for thing in things if fits(thing, words)]  # unambiguous, or this fails
        return only

    text = example.text
    if text == "how many things are there?":
        return NUMBERS[len(things)]
    if match := re.fullmatch(r"how many (\w+) things are there\?", text):
        return NUMBERS[sum(thing.colour == match[1] for thing in things)]
    if match := re.fullmatch(r"what color is the (.+)\?", text):
        return the(match[1]).colour
    if match := re.fullmatch(r"what (?:shape is|is the shape of) the (.+)\?", text):
        return the(match[1]).shape
    if match := re.fullmatch(r"is there an? (.+)\?", text):
        return "yes" if any(fits(thing, match[1]) for thing in things) else "no"
    if match := re.fullmatch(r"is the (\w+) (left of|right of|above|below) the (\w+)\?", text):
        return "yes" if relation(the(match[1]), the(match[3])) == match[2] else "no"
    match = re.fullmatch(r"is the (\w+) (\w+)\?", text)
    assert match, text
    return "yes" if the(match[1]).pattern == match[2] else "no"


def test_answers_follow_from_the_scenes(examples: list[Example]) -> None:
    assert [CLASSES[example.label] for example in examples] == [answer(example) for example in examples]
    assert TASK.test.texts == [example.text for example in examples]


def test_pictures_are_in_colour(examples: list[Example]) -> None:
    assert not any(example.scene.grey for example in examples)


def test_articles_are_right(examples: list[Example]) -> None:
    assert not any(re.search(r"\ba [aeiou]|\ban [^aeiou]", example.text) for example in examples)
    assert any("an orange" in example.text for example in examples)


def test_yes_and_no_are_asked_in_the_same_words() -> None:
    many = [make(index, generator(6, "train", 50_000 + index)) for turn in range(1500) for index in (21 * turn, 21 * turn + 1)]
    for words in (*COLOURS, *PATTERNS, "is there", "left of", "above"):
        counts = Counter(example.label for example in many if words in example.text)
        assert set(counts) == {0, 1}
        assert abs(counts[0] / counts.total() - 0.5) < 0.1, words


def test_counting_is_asked_in_both_ways_for_every_number() -> None:
    texts = Counter(
        (label, text == "how many things are there?")
        for label, text in zip(TASK.train.labels, TASK.train.texts or (), strict=True)
    )
    for number in NUMBERS[1:]:
        label = CLASSES.index(number)
        assert min(texts[label, True], texts[label, False]) >= 10
