"""Entries of the catalogue that are files on disk: found in their forms, counted, and told what is missing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench.errors import DataError
from tasks.base import Augmentation, Sources, SplitName
from tasks.catalog import ENTRIES
from tasks.catalog.annotated import Annotated, Contents, Form
from tasks.catalog.pairs import ENTRIES as PAIRS
from tasks.catalog.retrieval import ENTRIES as RETRIEVAL
from tasks.readers import easy_vqa
from tests.factories import make_split
from tests.tasks.readers.test_pair_files import easy, picture


def contents(*paths: Path) -> Contents:
    labels = [row % 3 for row in range(60)]
    ids = [f"image {row // 3}" for row in range(60)]
    train = make_split("train", labels, [f"text {row}" for row in range(60)], ids)
    return Contents({"train": train, "test": make_split("test", [0, 1, 2], list("abc"))}, ("x", "y", "z"))


SIZES: Mapping[SplitName, int] = {"train": 60, "test": 3}
ENTRY = Annotated(
    name="tiny-pairs",
    kind="pair",
    classes=3,
    licence="none",
    link="example.org",
    forms=(Form((("tiny/a.json", "other/a.json"), ("tiny/images",)), contents, SIZES, "its own split"),),
    augmentation=Augmentation(),
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "tiny" / "images").mkdir(parents=True)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "a.json").write_text("{}")
    return tmp_path


def test_a_file_may_lie_in_any_of_its_places(root: Path) -> None:
    assert ENTRY.state(Sources(root)) == "ready in the data root"
    assert ENTRY.forms[0].found(root) == [root / "other" / "a.json", root / "tiny" / "images"]
    assert ENTRY.task(Sources(root)).origin == "tiny-pairs, its own split"


def test_what_is_missing_is_told_with_the_remedy(root: Path) -> None:
    (root / "other" / "a.json").unlink()
    assert ENTRY.state(Sources(root)) == "needs tiny/a.json or other/a.json"
    with pytest.raises(DataError, match=r"task tiny-pairs: .* has no tiny/a.json or other/a.json: get .* from example.org"):
        ENTRY.task(Sources(root))
    (root / "tiny" / "images").rmdir()
    assert ENTRY.state(Sources(root)) == "needs tiny/a.json or other/a.json and 1 more"
    assert ENTRY.state(Sources()) == ENTRY.state(Sources(root))
    with pytest.raises(DataError, match=r"task tiny-pairs needs files: give their folder by --data-root"):
        ENTRY.task(Sources())
    with pytest.raises(DataError, match=r"nowhere: no such folder"):
        ENTRY.task(Sources(root / "nowhere"))


def test_other_counts_are_an_error_that_says_which(root: Path) -> None:
    other = replace(ENTRY, forms=(replace(ENTRY.forms[0], sizes={"train": 60, "test": 4}),))
    with pytest.raises(DataError, match=r"a.json: 3 test, 4 expected: .*--other-counts"):
        other.task(Sources(root))
    with pytest.raises(DataError, match=r"a.json: 3 classes, 3,129 expected"):
        replace(ENTRY, classes=3129).task(Sources(root))
    taken = other.task(Sources(root, other_counts=True))
    assert (taken.origin, taken.split_origin) == ("tiny-pairs, other counts (3 test, 4 expected)", "other counts")
    assert ENTRY.task(Sources(root, other_counts=True)).split_origin == ""


def test_validation_is_a_part_of_the_training_images_with_all_their_rows(root: Path) -> None:
    task = ENTRY.task(Sources(root))
    train, val = task.train, task.val
    assert len(train) + len(val) == 60 and 0 < len(val) < 30
    assert set(train.ids).isdisjoint(val.ids)
    assert val.texts is not None
    row = len(val) - 1
    whole = contents().splits["train"]
    assert whole.texts is not None
    place = list(whole.texts).index(val.texts[row])
    assert (whole.ids[place], whole.labels[place]) == (val.ids[row], val.labels[row])


def test_of_several_forms_the_one_that_is_there_is_read(root: Path) -> None:
    other = Form((("tiny/b.json",), ("tiny/images",)), contents, SIZES, "another split")
    entry = replace(ENTRY, forms=(other, *ENTRY.forms))
    assert entry.task(Sources(root)).origin == "tiny-pairs, its own split"
    (root / "tiny" / "b.json").write_text("{}")
    task = entry.task(Sources(root))
    assert task.origin == "tiny-pairs, another split"
    assert task.version != ENTRY.task(Sources(root)).version


def test_every_pair_and_retrieval_set_is_in_the_catalogue_with_its_kind() -> None:
    for entries, kind in ((PAIRS, "pair"), (RETRIEVAL, "retrieval")):
        for entry in entries:
            assert ENTRIES[entry.name] is entry
            assert entry.kind == kind and (entry.classes > 0) == (kind == "pair")
            assert entry.licence and {"train", "test"} <= set(entry.sizes)
            assert "needs" in entry.state(Sources())


def easy_entry(root: Path) -> tuple[Annotated, Path]:
    """easy-VQA in small, and its folder."""
    folder = root / "easy-vqa"
    for part in ("train", "test"):
        (folder / part).mkdir(parents=True)
        easy(folder, [["what shape?", "circle", 1], ["is there a circle?", "yes", 0]], part)
    (entry,) = (entry for entry in PAIRS if entry.name == "easy-vqa")
    assert isinstance(entry, Annotated)
    with pytest.raises(DataError, match=r"easy-vqa/.*: .*2 train, 38,575 expected"):
        entry.task(Sources(root))
    return replace(entry, classes=2, forms=(replace(entry.forms[0], sizes={"train": 2, "test": 2}),)), folder


def test_the_version_follows_images_questions_and_answers(tmp_path: Path) -> None:
    entry, folder = easy_entry(tmp_path)
    sources = Sources(tmp_path, memory=tmp_path / "memory")
    versions = [entry.task(sources).version, entry.task(sources).version]
    picture(folder / "test" / "images" / "1.png", (1, 2, 3))
    versions.append(entry.task(sources).version)
    for changed in (["what form?", "circle", 1], ["what shape?", "yes", 1], ["what shape?", "circle", 0]):
        easy(folder, [changed, ["is there a circle?", "yes", 0]], "test")
        versions.append(entry.task(sources).version)
    assert versions[0] == versions[1] and len(set(versions)) == 5


def test_easy_vqa_runs_through_its_entry(tmp_path: Path) -> None:
    small, folder = easy_entry(tmp_path)
    task = small.task(Sources(tmp_path))
    assert task.candidates("what shape?") == ["what shape? circle", "what shape? yes"]
    assert task.class_names == easy_vqa.read_answers(folder / "answers.txt")
    np.testing.assert_array_equal(task.test.labels, [0, 1])
