"""Halves of a classification."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from bench.errors import UsageError
from bench.plan.episode import content_hash, draw_episode
from bench.plan.index_files import given_episode, pooled
from tasks.base import Task
from tasks.find import find_task
from tasks.halves import half
from tests.factories import make_split, make_task


@given(classes=st.integers(2, 9))
def test_the_halves_share_no_class_and_no_example_and_leave_none_out(classes: int) -> None:
    whole = make_task(classes=classes, per_class=3)
    base, new = half(whole, "base"), half(whole, "new")
    assert base.class_names + new.class_names == whole.class_names
    assert len(base.class_names) - len(new.class_names) in (0, 1)
    ids = [*base.test.ids, *new.test.ids]
    assert len(ids) == len(set(ids)) and set(ids) == set(whole.test.ids)
    named = dict(zip(whole.test.ids, (whole.class_names[label] for label in whole.test.labels), strict=True))
    for part in (base, new):
        assert [part.class_names[label] for label in part.test.labels] == [named[name] for name in part.test.ids]


@given(shots=st.integers(1, 6), seed=st.integers(1, 50))
def test_the_support_of_the_base_half_is_that_of_the_whole_with_its_classes(shots: int, seed: int) -> None:
    whole = make_task(classes=5, per_class=6)
    base = half(whole, "base")
    of_whole = draw_episode(whole, shots, seed, "fixed").support
    mine = [whole.train.ids[row] for row in of_whole if whole.train.labels[row] < len(base.class_names)]
    assert [base.train.ids[row] for row in draw_episode(base, shots, seed, "fixed").support] == mine


def test_credit_keeps_the_columns_of_the_half() -> None:
    credit = csr_array(np.arange(12.0).reshape(3, 4))
    split = dataclasses.replace(make_split("test", [0, 3, 2]), credit=credit)
    new = half(Task("t", "classification", "1", ("a", "b", "c", "d"), lambda name: split), "new")
    assert new.test.credit is not None
    np.testing.assert_array_equal(new.test.credit.toarray(), [[6.0, 7.0], [10.0, 11.0]])
    assert new.test.labels.tolist() == [1, 0]


def test_published_supports_serve_the_base_half(tmp_path: Path) -> None:
    whole = pooled(make_task("tiny-set", classes=3, per_class=2))
    rows = draw_episode(whole, 2, 1, "fixed").support
    data = [{"impath": f"/there/{whole.train.ids[row]}", "label": int(whole.train.labels[row])} for row in rows]
    path = tmp_path / "tiny_set" / "shot_2-seed_1.json"
    path.parent.mkdir()
    path.write_text(json.dumps({"train": {"data": data}}))
    base = half(make_task("tiny-set", classes=3, per_class=2), "base")
    found = given_episode(pooled(base), tmp_path, 2, 1, "fixed").support
    assert [pooled(base).train.ids[row] for row in found] == [whole.train.ids[row] for row in rows if whole.train.labels[row] < 2]


def test_a_half_is_a_task_by_name_whose_data_are_the_wholes() -> None:
    base, whole = find_task("base:sketches"), find_task("sketches")
    assert (base.name, base.data, base.half) == ("sketches-base", "sketches", "base")
    rows = np.flatnonzero(whole.test.labels < len(base.class_names)).tolist()
    assert content_hash(base.test, range(len(base.test))) == content_hash(whole.test, rows)


@pytest.mark.parametrize(
    ("task", "said"),
    [(make_task(classes=1), "it has 1 class"), (make_task(kind="retrieval"), "a retrieval task has no new classes")],
)
def test_what_has_no_halves_is_refused(task: Task, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        half(task, "new")
