"""CoOp's published few-shot index files as the support."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.backbone import load
from bench.cell.worker import Worker
from bench.errors import DataError, UsageError
from bench.plan.episode import content_hash
from bench.plan.grid import Request, expand
from bench.plan.index_files import file_hash, given_episode, pooled, support_file, support_name
from bench.plan.registry import find_methods
from bench.plan.settings import Settings
from bench.spec import Named
from tasks.base import Sources, Task
from tasks.catalog import ENTRIES
from tests.factories import make_split, make_task
from tests.tasks.catalog.miniature import shrunk, write_index, write_layout
from tests.tasks.catalog.test_layouts import BY_NAME

PATHS = {"train": ["a/1.jpg", "a/2.jpg", "b/1.jpg", "b/2.jpg"], "val": ["a/3.jpg", "b/3.jpg"], "test": ["a/4.jpg", "b/4.jpg"]}


def a_task(**changes: Any) -> Task:
    def labels(split: str) -> list[int]:
        return [int(path.startswith("b")) for path in PATHS[split]]

    given = {"classes": 2, "load": lambda split: make_split(split, labels(split), ids=PATHS[split]), **changes}
    return make_task("my-dtd", **given)


def read(folder: Path, task: Task, shots: int = 1, protocol: str = "fixed") -> tuple[list[str], list[str]]:
    """Ids of support and validation."""
    both = pooled(task)
    episode = given_episode(both, folder, shots, 1, protocol)
    assert (episode.shots, episode.seed) == (shots, 1)
    return [both.train.ids[row] for row in episode.support], [both.val.ids[row] for row in episode.validation]


def test_the_file_gives_support_and_validation_in_its_order(tmp_path: Path) -> None:
    write_index(
        tmp_path, "my_dtd", {"train": [("images/b/2.jpg", 1), ("images/a/1.jpg", 0)], "val": [("a/3.jpg", 0), ("b/3.jpg", 1)]}
    )
    assert read(tmp_path, a_task()) == (["b/2.jpg", "a/1.jpg"], [])
    assert read(tmp_path, a_task(), protocol="val") == (["b/2.jpg", "a/1.jpg"], ["a/3.jpg", "b/3.jpg"])


def test_images_may_come_from_either_split_but_never_from_test(tmp_path: Path) -> None:
    rows = {"train": [("a/3.jpg", 0), ("b/1.jpg", 1)], "val": [("a/1.jpg", 0), ("b/2.jpg", 1)]}
    write_index(tmp_path, "my_dtd", rows)
    assert read(tmp_path, a_task(), protocol="val") == (["a/3.jpg", "b/1.jpg"], ["a/1.jpg", "b/2.jpg"])
    write_index(tmp_path, "my_dtd", {"train": [("a/4.jpg", 0), ("b/1.jpg", 1)]})
    with pytest.raises(DataError, match=r"shot_1-seed_1.json: './data/dtd/a/4.jpg' is no training or validation image of my-dtd"):
        read(tmp_path, a_task())


def test_a_pooled_task_has_both_splits_images_and_its_own_test(tmp_path: Path) -> None:
    task = a_task()
    both = pooled(task)
    assert both.train.ids == [*task.train.ids, *task.val.ids] and both.test.ids == task.test.ids
    np.testing.assert_array_equal(both.train.labels, [0, 0, 1, 1, 0, 1])
    assert content_hash(both.train, [4]) == content_hash(task.val, [0])
    assert (both.name, both.version) == (task.name, task.version)  # the same rows of the bank
    assert both.train.image(5).size == task.val.image(1).size


def test_a_class_may_have_fewer_than_the_shots_but_not_none_and_not_more(tmp_path: Path) -> None:
    write_index(tmp_path, "my_dtd", {"train": [("a/1.jpg", 0), ("a/2.jpg", 0), ("b/1.jpg", 1)]}, shots=2)
    assert len(read(tmp_path, a_task(), shots=2)[0]) == 3
    write_index(tmp_path, "my_dtd", {"train": [("a/1.jpg", 0)]})
    with pytest.raises(DataError, match=r"shot_1-seed_1.json: class 'class1' has 0 examples, 1 to 1 are expected"):
        read(tmp_path, a_task())
    write_index(tmp_path, "my_dtd", {"train": [("a/1.jpg", 0), ("a/2.jpg", 0), ("b/1.jpg", 1)]})
    with pytest.raises(DataError, match="class 'class0' has 2 examples, 1 to 1 are expected"):
        read(tmp_path, a_task())


def test_a_label_that_the_task_gives_otherwise_is_told(tmp_path: Path) -> None:
    write_index(tmp_path, "my_dtd", {"train": [("a/1.jpg", 1), ("b/1.jpg", 1)]})
    with pytest.raises(DataError, match=r"'./data/dtd/a/1.jpg' has label 1, in my-dtd it is 0"):
        read(tmp_path, a_task())


@pytest.mark.parametrize("body", ["", "[]", '{"train": {}}', '{"train": {"data": [{"impath": 3, "label": 0}]}}'])
def test_a_broken_file_is_one_line(body: str, tmp_path: Path) -> None:
    write_index(tmp_path, "my_dtd", {"train": []}).write_text(body)
    with pytest.raises(DataError, match=r"shot_1-seed_1.json isn't a few-shot index file \(.*\): get it again") as caught:
        read(tmp_path, a_task())
    assert "\n" not in str(caught.value)


def test_validation_needs_a_file_that_has_some(tmp_path: Path) -> None:
    write_index(tmp_path, "my_dtd", {"train": [("a/1.jpg", 0), ("b/1.jpg", 1)]})
    with pytest.raises(DataError, match="has no validation images: use --protocol fixed"):
        read(tmp_path, a_task(), protocol="val")


def test_a_file_that_is_not_there_is_told_with_those_that_are(tmp_path: Path) -> None:
    write_index(tmp_path, "my_dtd", {"train": []}, shots=4, seed=2)
    with pytest.raises(UsageError, match=r"my_dtd/shot_1-seed_1.json: no such index file, there are shot_4-seed_2: choose other"):
        support_file(tmp_path, a_task(), 1, 1)
    with pytest.raises(UsageError, match="there are none for other"):
        support_file(tmp_path, make_task("other"), 1, 1)
    with pytest.raises(UsageError, match="index files are for classification tasks, tiny is retrieval"):
        support_file(tmp_path, make_task(kind="retrieval"), 1, 1)


def test_name_and_hash_tell_supports_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = write_index(tmp_path / "indices", "a", {"train": [("a/1.jpg", 0)]})
    second = write_index(tmp_path / "indices", "b", {"train": [("a/2.jpg", 0)]})
    assert file_hash(first) != file_hash(second)
    second.write_text(first.read_text())
    assert file_hash(first) == file_hash(second)
    monkeypatch.chdir(tmp_path / "indices")
    assert support_name(Path()) == support_name(tmp_path / "indices/") == "indices"


def test_the_published_form_is_what_is_written_here(tmp_path: Path) -> None:
    found = json.loads(write_index(tmp_path, "a", {"train": [("images/x/1.jpg", 0)]}).read_text())
    assert found["train"]["data"] == [{"impath": "./data/dtd/images/x/1.jpg", "label": 0, "classname": "c0"}]


def test_a_cell_of_a_published_support_is_recorded_as_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = shrunk(BY_NAME["dtd"])
    assert entry.disk is not None
    monkeypatch.setitem(ENTRIES, "dtd", entry)
    write_layout(tmp_path / "data", entry.disk)
    rows = {"train": [(f"images/folder{label}/train_{7 - label}.jpg", label) for label in range(3)]}
    write_index(tmp_path / "indices", "dtd", rows)
    sources = Sources(tmp_path / "data", support=tmp_path / "indices")
    request = Request((Named("class-mean-probe"),), ("dtd",), (1,), (1,), sources=sources, quick=True)
    (cell,) = expand(request, find_methods(), load("bundled").fingerprint)
    worker = Worker(Settings(tmp_path / "out", tmp_path / "bank"))
    record = worker.run(cell)
    assert record.status == "ok", record.error
    assert record.data is not None and record.data.n_support == 3
    train = entry.task(sources).train
    chosen = [list(train.ids).index(path.removeprefix("images/")) for path, _ in rows["train"]]
    assert record.data.support_hash == content_hash(train, chosen)
    assert (record.cell.support, record.cell.support_file) == ("indices", file_hash(tmp_path / "indices/dtd/shot_1-seed_1.json"))
    drawn = dataclasses.replace(request, sources=Sources(tmp_path / "data"))
    (other,) = expand(drawn, find_methods(), load("bundled").fingerprint)
    again = worker.run(other)  # the same worker, other sources
    assert again.data is not None and again.data.support_hash != record.data.support_hash
