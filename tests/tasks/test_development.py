"""The tasks on which rates are chosen: in no table, and alike to no task that is."""

from __future__ import annotations

import re
from itertools import combinations

import numpy as np
import pytest

from tasks.bundled import TASKS as BUNDLED
from tasks.development import TASKS
from tasks.find import find_task, task_groups
from tasks.scenes import chalk, couples, flags
from tasks.scenes.dialect import DIALECT, SLANG
from tasks.scenes.draw import COLOURS, PATTERNS, SHAPES

KINDS = {"classification": 2, "pair": 1, "retrieval": 1}


def test_they_are_of_every_kind_and_in_a_group_of_their_own() -> None:
    assert {kind: sum(task.kind == kind for task in TASKS) for kind in KINDS} == KINDS
    names = {task.name for task in TASKS}
    assert {group for group, members in task_groups().items() if names & set(members)} == {"development"}
    assert all(find_task(name).name == name for name in names)


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_no_picture_and_no_text_is_one_of_a_reported_task(task: object) -> None:
    mine = getattr(task, "test")  # noqa: B009 - any of them
    for other in (one for one in BUNDLED if one.kind == getattr(task, "kind")):  # noqa: B009
        theirs = other.test
        assert {mine.image(row).tobytes() for row in range(20)}.isdisjoint(theirs.image(row).tobytes() for row in range(20))
        if mine.texts is not None and theirs.texts is not None:
            assert set(mine.texts).isdisjoint(theirs.texts)


def test_the_slang_has_a_word_of_its_own_for_each() -> None:
    words = set(SLANG.synonyms.values())
    assert set(SLANG.synonyms) == set(COLOURS) | set(PATTERNS) | set(SHAPES) and len(words) == len(SLANG.synonyms)
    assert words.isdisjoint(SLANG.synonyms) and words.isdisjoint(DIALECT.synonyms.values())
    assert set(SLANG.places) == set(DIALECT.places) and not set(SLANG.places.values()) & set(DIALECT.places.values())


def test_no_single_quality_of_a_flag_names_the_country() -> None:
    for quality in ("cut", "emblem", "place"):
        values = [getattr(flag, quality) for flag in flags.FLAGS]
        assert min(values.count(value) for value in set(values)) >= 2
    assert all(one != other for one, other in combinations([(flag.cut, flag.emblem, flag.place) for flag in flags.FLAGS], 2))


@pytest.mark.parametrize("cut", sorted({flag.cut for flag in flags.FLAGS}))
def test_a_cut_has_two_or_three_colours(cut: str) -> None:
    assert set(np.unique(flags.fields(cut, 40, 60))) in ({0, 1}, {0, 1, 2})


def test_what_couples_say_is_as_true_as_its_label() -> None:
    random = np.random.default_rng(0)
    for index in range(60):
        example = couples.make(index, random)
        there = {f"{thing.colour} {thing.shape}" for thing in example.scene.things}
        said = re.findall(rf"({'|'.join(COLOURS)}) ({'|'.join(SHAPES)})", example.text)
        true = sum(" ".join(pair) in there for pair in said)
        assert len(said) == 2 and true == (1 if couples.CLASSES[example.label] == "contradiction" else 2)
        assert any(word in example.text for word in couples.UNSEEN) == (couples.CLASSES[example.label] == "neutral")


def test_grain_leaves_out_its_share() -> None:
    kept = chalk.grain(np.ones((90, 90), np.float32), 0.25, np.random.default_rng(0))
    assert kept.mean() == pytest.approx(0.75, abs=0.06) and set(np.unique(kept)) == {0.0, 1.0}
