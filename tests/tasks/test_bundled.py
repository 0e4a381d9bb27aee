"""What holds for every bundled task, and for those of development: seeds, balance, disjoint splits."""

from __future__ import annotations

import hashlib
from collections import Counter

import numpy as np
import pytest

from tasks import development
from tasks.base import Task
from tasks.bundled import TASKS
from tasks.scenes.draw import SIZE

SPLITS = ("train", "val", "test")
ALL = (*TASKS, *development.TASKS)
TEST_SIZES = {task.name: 600 for task in ALL} | {"digits": 800}

every_task = pytest.mark.parametrize("task", ALL, ids=lambda task: task.name)


def pixels(task: Task, split: str, row: int) -> bytes:
    return getattr(task, split).image(row).tobytes()


def test_there_are_seven_of_them() -> None:
    assert [task.name for task in TASKS] == [
        "sketches",
        "textures",
        "creatures",
        "digits",
        "scenes-entailment",
        "scenes-vqa",
        "scenes-retrieval",
    ]


@every_task
def test_a_picture_depends_on_nothing_but_its_row(task: Task) -> None:
    rows = [0, 7, 31, len(task.test) - 1]
    first = [pixels(task, "test", row) for row in rows]
    again = [task.load("test").image(row).tobytes() for row in reversed(rows)]
    assert first == again[::-1]
    assert len(set(first)) == len(rows)


@every_task
def test_pictures_are_small_rgb(task: Task) -> None:
    image = task.train.image(3)
    assert (image.mode, image.size) == ("RGB", (SIZE, SIZE))


@every_task
def test_splits_share_no_picture(task: Task) -> None:
    rows = 10_000 if task.name == "digits" else 60  # drawn ones have seeds of their own: a sample shows a slip
    seen = [pixels(task, split, row) for split in SPLITS for row in range(min(rows, len(getattr(task, split))))]
    assert len(set(seen)) == len(seen)


@every_task
def test_ids_are_unique_across_splits_and_tell_the_split(task: Task) -> None:
    ids = [name for split in SPLITS for name in getattr(task, split).ids]
    assert len(set(ids)) == len(ids)
    assert task.test.ids[1] == "test/0001"


@every_task
def test_sizes_and_balance(task: Task) -> None:
    assert len(task.test) == TEST_SIZES[task.name]
    if task.kind == "retrieval":
        assert all((getattr(task, split).labels == -1).all() for split in SPLITS)
        assert len(task.train) >= 16 * task.shot_unit + 1000
        return
    for split in SPLITS:
        counts = Counter(getattr(task, split).labels.tolist())
        assert sorted(counts) == list(range(len(task.class_names)))
        assert max(counts.values()) - min(counts.values()) <= (1 if split == "test" else 0)
    assert min(Counter(task.train.labels.tolist()).values()) >= 40
    assert min(Counter(task.val.labels.tolist()).values()) >= 8


@every_task
def test_texts_are_there_where_the_kind_wants_them(task: Task) -> None:
    assert (task.test.texts is None) == (task.kind == "classification")
    assert len(set(task.class_names)) == len(task.class_names)
    assert task.budget is not None


def test_what_a_flip_or_crop_would_falsify_is_not_flipped_or_cropped() -> None:
    for task in TASKS:
        assert not (task.name == "digits" and task.augmentation.flip)
        if task.kind != "classification":
            assert not task.augmentation.flip
            assert task.augmentation.smallest_crop == 1.0


def test_zero_shot_asks_question_and_answer() -> None:
    task = next(task for task in TASKS if task.name == "scenes-vqa")
    candidates = task.candidates("what color is the star?")
    assert candidates is not None
    assert candidates[2] == "what color is the star? red"


PINNED = {"scenes-entailment": "ad17a611b0f6", "scenes-vqa": "dffa103a9660", "scenes-retrieval": "bb80507984c8"}
BEFORE_IT_GREW = {"scenes-retrieval": "223df0782c8f"}


@pytest.mark.parametrize("name", PINNED)
def test_texts_and_labels_change_only_together_with_the_version(name: str) -> None:
    """If this fails on purpose, raise the task's version and pin the new digest."""
    task = next(task for task in TASKS if task.name == name)
    digest = hashlib.sha256()
    for split in SPLITS:
        loaded = getattr(task, split)
        digest.update("\n".join(loaded.texts).encode() + loaded.labels.astype("<i8").tobytes())
    assert (task.version, digest.hexdigest()[:12]) == ("1", PINNED[name])


@pytest.mark.parametrize("name", BEFORE_IT_GREW)
def test_a_pool_that_grew_still_begins_with_the_same_rows(name: str) -> None:
    task = next(task for task in TASKS if task.name == name)
    digest = hashlib.sha256()
    for split in SPLITS:
        loaded = getattr(task, split)
        rows = task.grown_from if split == "train" else len(loaded)
        digest.update("\n".join(loaded.texts[:rows]).encode() + loaded.labels[:rows].astype("<i8").tobytes())
    assert digest.hexdigest()[:12] == BEFORE_IT_GREW[name]


def test_digits_are_labelled_as_scikit_learn_labels_them() -> None:
    from sklearn.datasets import load_digits

    from tasks.scenes.digits import MARGIN

    data = load_digits()
    task = next(task for task in TASKS if task.name == "digits")
    for row in range(0, 200, 7):
        inner = np.asarray(task.test.image(row), float)[MARGIN:-MARGIN, MARGIN:-MARGIN, 0]
        small = (225 - inner.reshape(8, 6, 8, 6).mean((1, 3))) / 190 * 16
        nearest = np.square(data.images - small).sum((1, 2)).argmin()
        assert data.target[nearest] == task.test.labels[row]
