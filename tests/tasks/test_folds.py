"""Folds of a support: they share it out, keep images and classes together, and load nothing but train."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bench.errors import DataError, UsageError
from bench.plan.episode import draw_episode, everything
from tasks.base import Split, SplitName, Task
from tasks.find import find_task
from tasks.folds import KEPT, Fold, Support, assign, fold_task, parse_fold
from tests.factories import make_split, make_task


@st.composite
def tasks(draw: st.DrawFn) -> Task:
    """Of any kind; images have one row or several, classes one example or many."""
    kind = draw(st.sampled_from(["classification", "pair", "retrieval"]))
    classes = 0 if kind == "retrieval" else draw(st.integers(1, 5))
    labels = draw(st.lists(st.integers(0, classes - 1) if classes else st.just(-1), min_size=1, max_size=40))
    images = range(len(labels)) if kind == "classification" else draw(st.lists(st.integers(0, 12), min_size=40, max_size=40))
    ids = [f"image-{image}" for image, _ in zip(images, labels, strict=False)]
    texts = None if kind == "classification" else ["text"] * len(labels)

    def load(split: SplitName) -> Split:
        assert split == "train", "folds are made of train alone"
        return make_split(split, labels, texts, ids)

    return Task("any", kind, "1", tuple(f"class{number}" for number in range(classes)), load)


def parts(task: Task, fold: Fold) -> tuple[Split, Split]:
    made = fold_task(task, fold)
    return made.train, made.test


@given(task=tasks(), count=st.integers(2, 6), most=st.integers(1, 40), seed=st.integers(0, 9))
def test_folds_share_out_the_support_and_no_image_is_on_both_sides(task: Task, count: int, most: int, seed: int) -> None:
    support = Support(task, most, count, seed)
    assert len(set(support.rows.tolist())) == len(support.rows)
    seen: list[int] = []
    for number in range(1, count + 1):
        fold = Fold(number, count, most, seed)
        if not (support.folds == number - 1).any():
            with pytest.raises(DataError, match="holds no example"):
                support.held_out(fold)
            continue
        test, train = support.held_out(fold), support.learnt(fold)
        assert sorted([*test, *train]) == sorted(support.rows)
        assert not {task.train.ids[row] for row in test} & {task.train.ids[row] for row in train}
        if task.class_names:
            assert set(task.train.labels[train]) == set(task.train.labels[support.rows])
        seen += test.tolist()
    assert len(set(seen)) == len(seen)
    assert set(support.rows) - set(seen) == set(support.rows[support.folds == KEPT])


@given(task=tasks(), count=st.integers(2, 5), seed=st.integers(0, 9))
def test_the_same_seed_gives_the_same_folds_and_parts_nest(task: Task, count: int, seed: int) -> None:
    support = Support(task, 40, count, seed)
    assume((support.folds == 0).any())
    learnt = []
    for part in (4, 2, 1):
        fold = Fold(1, count, 40, seed, part)
        one, other = parts(task, fold), parts(task, fold)
        assert [split.ids for split in one] == [split.ids for split in other]
        learnt.append(set(support.learnt(fold)))
        assert set(task.train.labels[list(learnt[-1])]) == set(task.train.labels[list(support.learnt(Fold(1, count, 40, seed)))])
    assert learnt[0] <= learnt[1] <= learnt[2]


@given(per_class=st.integers(2, 12), classes=st.integers(1, 5), count=st.integers(2, 5))
def test_classes_are_shared_out_evenly(per_class: int, classes: int, count: int) -> None:
    labels = np.repeat(np.arange(classes), per_class)
    folds = assign([f"{row}" for row in range(len(labels))], labels, count)
    held = np.array([[((folds == fold) & (labels == label)).sum() for label in range(classes)] for fold in range(count)])
    assert held.max() - held.min() <= 1 and held.sum() == len(labels)
    assert held.sum(1).max() - held.sum(1).min() <= 1


def test_the_support_is_the_one_that_run_draws() -> None:
    for source in ("sketches", "scenes-retrieval"):
        task = find_task(source)
        assert set(Support(task, 4, 2).rows.tolist()) == set(draw_episode(task, 4, 1, "fixed").support)


def test_the_last_fit_holds_nothing_out() -> None:
    task = make_task(per_class=20)
    whole = fold_task(task, Fold(0, 5, 16))
    assert len(whole.train) == 48 and len(whole.test) == 32 and set(whole.test.ids) <= set(whole.train.ids)
    assert len(whole.val) == 0


def test_a_fold_is_a_task_by_name_whose_rows_are_banked_as_the_wholes() -> None:
    found = find_task("fold:2/4,most=4,seed=1,part=2:base:sketches")
    assert (found.name, found.data) == ("sketches-base-most-4-seed-1-fold-2-of-4-part-2", "sketches")
    assert everything(found) == 2 * len(found.class_names) and set(found.train.ids) <= set(find_task("sketches").train.ids)
    fold = Fold(2, 4, 4, part=2)
    assert parse_fold(f"{fold}:base:sketches") == (fold, "base:sketches")
    assert fold.of("digits") == "fold:2/4,most=4,seed=1,part=2:digits"


def test_what_is_worth_credit_but_has_no_class_is_in_no_fold() -> None:
    split = make_split("train", [0, 1, -1, 0, 1, -1])
    task = dataclasses.replace(make_task(classes=2), load=lambda name: split)
    assert sorted(Support(task, 9, 2).rows.tolist()) == [0, 1, 3, 4]


@pytest.mark.parametrize("text", ["2/5:digits", "6/5,most=4,seed=1:digits", "1/1,most=4,seed=1:digits", "1/5,most=4,seed=1"])
def test_what_is_no_fold_is_one_line(text: str) -> None:
    with pytest.raises(UsageError, match="can't read fold"):
        find_task(f"fold:{text}")
