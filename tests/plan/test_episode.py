"""Episodes are balanced, nested, and depend on nothing but task, shots and seed."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.errors import DataError
from bench.plan.episode import VALIDATION_SHOTS, content_hash, draw_episode
from tasks.base import SplitName, Task
from tests.factories import make_split, make_task

SEEDS = st.integers(0, 2**32)


@given(SEEDS, st.sampled_from(["classification", "pair", "retrieval"]))
def test_fewer_shots_are_inside_more_shots(seed: int, kind: str) -> None:
    task = make_task(kind=kind, shot_unit=3)
    supports = [set(draw_episode(task, shots, seed, "fixed").support) for shots in (1, 4, 16)]
    assert supports[0] < supports[1] < supports[2]


@given(SEEDS, st.integers(1, 20), st.sampled_from(["classification", "pair"]))
def test_every_class_has_as_many_examples_as_shots(seed: int, shots: int, kind: str) -> None:
    task = make_task(kind=kind)
    support = draw_episode(task, shots, seed, "fixed").support
    assert Counter(task.train.labels[list(support)].tolist()) == {0: shots, 1: shots, 2: shots}
    assert len(set(support)) == len(support) == 3 * shots


@given(SEEDS, st.integers(1, 4))
def test_retrieval_shots_are_pairs_in_the_units_of_the_task(seed: int, shots: int) -> None:
    task = make_task(kind="retrieval", shot_unit=5)
    support = draw_episode(task, shots, seed, "fixed").support
    assert len(support) == len(set(support)) == 5 * shots
    assert set(support) <= set(range(len(task.train)))


@given(SEEDS, st.integers(1, 60))
def test_a_pool_that_grew_gives_the_supports_that_it_gave_before(seed: int, shots: int) -> None:
    before = make_task(kind="retrieval", per_class=10, classes=3)
    after = make_task(kind="retrieval", per_class=20, classes=3, grown_from=30)
    grown = draw_episode(after, shots, seed, "fixed").support
    assert grown[:30] == draw_episode(before, min(shots, 30), seed, "fixed").support
    assert len(set(grown)) == shots and set(grown[30:]) <= set(range(30, 60))


def test_for_towers_that_never_met_a_shot_is_a_pair() -> None:
    task = make_task(kind="retrieval", shot_unit=5).for_alignment()
    assert len(draw_episode(task, 7, 1, "fixed").support) == 7


@given(SEEDS, st.integers(1, 16))
def test_the_validation_set_is_drawn_from_its_own_split(seed: int, shots: int) -> None:
    task = make_task()
    episode = draw_episode(task, shots, seed, "val")
    each = min(shots, VALIDATION_SHOTS)
    assert Counter(task.val.labels[list(episode.validation)].tolist()) == dict.fromkeys(range(3), each)
    seen = {task.train.ids[row] for row in episode.support}
    assert seen.isdisjoint(task.val.ids[row] for row in episode.validation)


def test_the_protocol_does_not_change_the_support() -> None:
    task = make_task()
    with_validation, without = (draw_episode(task, 4, 7, protocol) for protocol in ("val", "fixed"))
    assert with_validation.support == without.support
    assert without.validation == ()


def test_the_support_depends_on_the_task_and_the_seed_and_on_nothing_drawn_before() -> None:
    def draw(name: str = "tiny", seed: int = 1) -> tuple[int, ...]:
        return draw_episode(make_task(name), 4, seed, "fixed").support

    first = draw()
    np.random.seed(5)  # the global generator, which must not matter
    draw("other")
    assert draw() == first
    assert draw(seed=2) != first
    assert draw("other") != first


def test_a_class_is_drawn_alike_whatever_the_later_classes_hold() -> None:
    few, many = ([0] * 10 + [1] * count for count in (4, 30))
    supports = [
        draw_episode(make_task(classes=2, load=lambda split, labels=labels: make_split(split, labels)), 3, 1, "fixed").support
        for labels in (few, many)
    ]
    assert supports[0][:3] == supports[1][:3]


def test_no_split_but_those_of_the_protocol_is_opened() -> None:
    opened: list[str] = []

    def load(split: SplitName) -> object:
        opened.append(split)
        return make_split(split, [0, 1, 2] * 5)

    draw_episode(make_task(load=load), 2, 1, "fixed")
    assert opened == ["train"]
    draw_episode(make_task(load=load), 2, 1, "val")
    assert opened == ["train", "train", "val"]


def scarce(poor: str) -> Task:
    """The second class has three examples in one split, the others have plenty."""
    return make_task(load=lambda split: make_split(split, [0] * 9 + [1] * (3 if split == poor else 9) + [2] * 9))


@pytest.mark.parametrize(("poor", "protocol"), [("train", "fixed"), ("val", "val")])
def test_a_class_with_too_few_examples_is_named(poor: str, protocol: str) -> None:
    with pytest.raises(DataError, match=re.escape(f"task tiny: class 'class1' has 3 {poor} examples") + r".*at most --shots 3"):
        draw_episode(scarce(poor), 4, 1, protocol)
    assert len(draw_episode(scarce(poor), 3, 1, protocol).support) == 9


def test_too_few_pairs_for_retrieval_are_told_with_the_most_shots() -> None:
    task = make_task(kind="retrieval", per_class=10, shot_unit=4)
    with pytest.raises(DataError, match=r"task tiny: 8 shots are 32 train pairs and there are only 30: use at most --shots 7"):
        draw_episode(task, 8, 1, "fixed")
    assert len(draw_episode(task, 7, 1, "fixed").support) == 28


def test_the_content_hash_sees_ids_labels_texts_and_order() -> None:
    split = make_split("train", [0, 1, 0], ["a", "b", "c"])
    others = [
        make_split("test", [0, 1, 0], ["a", "b", "c"]),
        make_split("train", [0, 0, 0], ["a", "b", "c"]),
        make_split("train", [0, 1, 0], ["a", "x", "c"]),
        make_split("train", [0, 1, 0]),
    ]
    hashes = {content_hash(split, [0, 1]), content_hash(split, [1, 0]), content_hash(split, [0])}
    hashes |= {content_hash(other, [0, 1]) for other in others}
    assert len(hashes) == 7
    assert content_hash(make_split("train", [0, 1, 9], ["a", "b", "z"]), [0, 1]) == content_hash(split, [0, 1])


@given(SEEDS, st.integers(1, 29), st.integers(30, 60), st.sampled_from(["classification", "pair", "retrieval"]))
def test_a_support_by_count_holds_so_many_in_all_and_nests(seed: int, few: int, many: int, kind: str) -> None:
    task = make_task(kind=kind, shot_unit=3)
    small, large = (draw_episode(task, count, seed, "fixed", by_count=True) for count in (few, many))
    assert (len(set(small.support)), len(set(large.support))) == (few, many)
    assert set(small.support) < set(large.support)
    assert small.shots == -(-few // 3)  # three classes, or three pairs per shot


def test_a_support_by_count_is_drawn_whatever_the_classes_and_may_lack_one() -> None:
    task = make_task(load=lambda split: make_split(split, [0] * 98 + [1] + [2]))
    support = draw_episode(task, 10, 1, "fixed", by_count=True).support
    assert Counter(task.train.labels[list(support)].tolist()) == {0: 10}


def test_validation_by_count_is_what_four_shots_come_to_at_most() -> None:
    task = make_task()
    sizes = {count: len(draw_episode(task, count, 1, "val", by_count=True).validation) for count in (2, 5, 12, 50)}
    assert sizes == {2: 2, 5: 5, 12: 12, 50: 12}


def test_rows_of_no_class_are_never_drawn() -> None:
    task = make_task(load=lambda split: make_split(split, [-1, 0, 1, 2] * 10))
    for by_count, size in ((True, 30), (False, 10)):
        support = draw_episode(task, size, 1, "fixed", by_count=by_count).support
        assert set(task.train.labels[list(support)].tolist()) == {0, 1, 2}
    with pytest.raises(DataError, match=r"task tiny: n=31 train examples are asked for and there are only 30: .*--shots n=30"):
        draw_episode(task, 31, 1, "fixed", by_count=True)
