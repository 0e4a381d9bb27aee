"""What is used of the data, and what can't be advised on: one clear line each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from bench.advise.material import MOST_EXAMPLES, Material, material
from bench.errors import DataError
from tasks.base import Split, SplitName, Task
from tests.factories import make_split, make_task


def of(labels: Sequence[int], classes: int = 2, shots: int | None = None, image_s: float = 1e-4) -> Material:
    task = Task("mine", "classification", "1", tuple(f"class{n}" for n in range(classes)), train(make_split("train", labels)))
    return material("mine", task, shots, 1, image_s, 60.0)


def train(split: Split) -> object:
    def load(name: SplitName) -> Split:
        assert name == "train", "val and test are nobody's business"
        return split

    return load


def test_all_examples_are_used_and_dealt_into_five_folds() -> None:
    found = of([0, 1] * 50)
    assert (found.examples, found.available, found.count, found.most) == (100, 100, 5, 50)
    folds = found.folds()
    assert [len(fold.task.test) for fold in folds] == [20] * 5 and [len(fold.task.train) for fold in folds] == [80] * 5
    source, whole = found.part(0)
    assert source == "fold:0/5,most=50,seed=1:mine" and len(whole.train) == 100


def test_shots_are_drawn_as_run_draws_them_and_too_many_are_refused_as_there() -> None:
    assert of([0, 1] * 50, shots=4).examples == 8
    with pytest.raises(DataError, match="class 'class1' has 3 train examples, 4 shots need 4"):
        of([0] * 9 + [1] * 3, shots=4)


def test_large_data_are_bounded_evenly_by_class() -> None:
    found = of([0] * 5000 + [1] * 300)
    assert found.examples == found.most + 300 <= MOST_EXAMPLES and found.available == 5300
    assert of([0, 1] * 5000, image_s=0.09).examples == 100  # 15 % of a minute
    many = of(list(range(3000)) * 3, classes=3000)
    assert many.most == 2 and many.examples == 6000, "a class needs two to be held out"


def test_five_images_are_enough() -> None:
    found = of([0, 0, 0, 1, 1])
    assert found.count >= 2 and sum(len(fold.task.test) for fold in found.folds()) == 5


def test_a_class_of_one_example_is_learnt_from_and_never_held_out() -> None:
    found = of([0] * 6 + [1] * 6 + [2], classes=3)
    for fold in found.folds():
        assert 2 in fold.task.train.labels and 2 not in fold.task.test.labels


@pytest.mark.parametrize(
    ("labels", "classes", "shots", "said"),
    [
        ([0] * 5, 1, None, "all labelled train examples are of one class, 'class0'"),
        ([1] * 5, 2, None, "all labelled train examples are of one class, 'class1'"),
        ([], 2, None, "there are no labelled train examples to choose by"),
        ([0, 1, 2], 3, None, "nothing can be held out.*so that some class has two train images"),
        ([0, 1] * 9, 2, 1, "nothing can be held out.*use --shots 2 or more"),
    ],
)
def test_what_cannot_be_advised_on_is_one_line(labels: list[int], classes: int, shots: int | None, said: str) -> None:
    with pytest.raises(DataError, match=said) as raised:
        of(labels, classes, shots)
    assert "\n" not in str(raised.value) and "mine" in str(raised.value)


def test_retrieval_is_dealt_by_image_and_bounded_by_shots() -> None:
    task = make_task(kind="retrieval", per_class=10, classes=3, shot_unit=4)
    found = material("pairs", task, None, 1, 1e-4, 60.0)
    assert (found.examples, found.most, found.count) == (30, 8, 5)
    assert material("pairs", task, 2, 1, 1e-4, 60.0).examples == 8
    one = make_split("train", [-1] * 3, ["a", "b", "c"], ["same"] * 3)
    with pytest.raises(DataError, match="so that there are two train images"):
        material("pairs", Task("pairs", "retrieval", "1", (), lambda name: one), None, 1, 1e-4, 60.0)


def test_pairs_of_one_image_stay_together() -> None:
    ids = [f"image{row // 3}" for row in range(30)]
    split = make_split("train", [row % 3 for row in range(30)], ["text"] * 30, ids)
    task = Task("pairs", "pair", "1", ("a", "b", "c"), lambda name: split)
    for fold in material("pairs", task, None, 1, 1e-4, 60.0).folds():
        assert not set(fold.task.train.ids) & set(fold.task.test.ids)
        assert set(np.unique(fold.task.train.labels)) == {0, 1, 2}
