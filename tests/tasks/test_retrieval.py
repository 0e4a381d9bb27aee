"""Retrieval: captions in dialect are true, unique, and short enough for the bundled text tower."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np
import pytest

from tasks.bundled import TASKS
from tasks.scenes.dialect import DIALECT, PLACES, SYNONYMS
from tasks.scenes.draw import COLOURS, PATTERNS, SHAPES
from tasks.scenes.drawn import generator
from tasks.scenes.grammar import relation
from tasks.scenes.pairs import contents, make

TASK = next(task for task in TASKS if task.name == "scenes-retrieval")
STANDARD = {dialect: word for word, dialect in SYNONYMS.items()}
KINDS = (COLOURS, PATTERNS, SHAPES)


def attributes(part: str) -> list[str]:
    """The colours, patterns and shapes that a piece of a caption names, in standard words."""
    words = [STANDARD.get(word, word) for word in re.findall(r"\w+", part)]
    return sorted(word for word in words if any(word in kind for kind in KINDS))


def test_the_dialect_has_a_word_of_its_own_for_every_word() -> None:
    assert set(SYNONYMS) == set(COLOURS) | set(PATTERNS) | set(SHAPES)
    assert len(STANDARD) == len(SYNONYMS)
    assert not set(SYNONYMS) & set(STANDARD)


def test_captions_are_true_of_their_pictures() -> None:
    for seed in range(300):
        example = make(generator(7, "test", seed))
        first, second, *rest = example.scene.things
        place = PLACES[relation(first, second)]
        one, other = example.text.split(f" {place} ")
        other, *extra = other.split("; ")
        assert attributes(one) == sorted([first.colour, first.pattern, first.shape])
        assert attributes(other) == sorted([second.colour, second.pattern, second.shape])
        assert [attributes(part) for part in extra] == [sorted([thing.colour, thing.shape]) for thing in rest]


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_captions_are_unique(split: str) -> None:
    texts = getattr(TASK, split).texts
    assert len(set(texts)) == len(texts)


def test_no_two_test_pictures_share_a_pair_of_things() -> None:
    seeds = TASK.test.image.args[2]  # type: ignore[attr-defined]
    pairs = Counter(pair for seed in seeds for pair in contents(make(generator(7, "test", seed)).scene))
    assert max(pairs.values()) == 1
    assert [make(generator(7, "test", seed)).text for seed in seeds] == TASK.test.texts


def test_about_half_of_the_words_are_foreign() -> None:
    random = np.random.default_rng(0)
    assert np.mean([DIALECT.say("red", random) == "red" for _ in range(2000)]) == pytest.approx(0.5, abs=0.05)


def test_captions_fit_into_the_bundled_text_tower() -> None:
    load = pytest.importorskip("bench.backbone.load")
    if not (load.BUNDLED / load.MERGES).is_file():
        pytest.skip("the bundled backbone is not there")
    tokenizer = load.bundled_tokenizer()
    assert max(len(tokenizer.encode(text)) + 2 for text in TASK.test.texts or ()) <= tokenizer.context_length
