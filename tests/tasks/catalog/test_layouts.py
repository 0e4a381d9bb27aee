"""CoOp's data root: every layout of the catalogue is read as it is, and what is wrong with one is said in one line."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from PIL import Image

from bench.cell.evaluate import columns, role_of
from bench.errors import DataError
from tasks.base import Sources, Split, SplitName, Task
from tasks.catalog import classification
from tasks.catalog.classification import OTHER_COUNTS, ClassificationSet
from tasks.catalog.coop import OnDisk
from tests.tasks.catalog.miniature import SIZES, shown_class, shrunk, write_layout

SETS = [entry for entry in classification.ENTRIES if isinstance(entry, ClassificationSet)]
BY_NAME = {entry.name: entry for entry in SETS}
SHIFTED = ["imagenet-v2", "imagenet-sketch", "imagenet-a", "imagenet-r"]
ON_DISK = [entry for entry in SETS if entry.disk is not None and entry.name not in SHIFTED]
COOPS = [
    *("imagenet", "caltech101", "oxford-pets", "stanford-cars", "oxford-flowers", "food101"),
    *("fgvc-aircraft", "sun397", "dtd", "eurosat", "ucf101"),
]


def laid_out(root: Path, name: str, **options: Any) -> tuple[ClassificationSet, OnDisk, Path]:
    entry = shrunk(BY_NAME[name])
    assert entry.disk is not None
    return entry, entry.disk, write_layout(root, entry.disk, **options)


def edit(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    found = json.loads(path.read_text())
    change(found)
    path.write_text(json.dumps(found))


def splits_of(task: Task) -> dict[SplitName, Split]:
    return {"train": task.train, "val": task.val, "test": task.test}


def test_coops_eleven_are_there_with_coops_counts() -> None:
    assert [entry.name for entry in ON_DISK] == COOPS
    known = {"dtd": 5640, "eurosat": 27000, "fgvc-aircraft": 10000, "food101": 101000, "oxford-pets": 7349, "ucf101": 13320}
    assert {name: sum(BY_NAME[name].sizes.values()) for name in known} == known  # all images that the set has
    assert BY_NAME["dtd"].sizes == {"train": 2820, "val": 1128, "test": 1692}


@pytest.mark.parametrize("entry", SETS, ids=lambda entry: entry.name)
def test_every_entry_is_complete(entry: ClassificationSet) -> None:
    assert entry.disk is not None or entry.hub is not None
    assert entry.classes > 1 and {"test"} <= entry.sizes.keys() and entry.licence
    assert ("train" in entry.sizes) == (entry.name not in SHIFTED)
    assert all("{}" in template and template.format("x") for template in entry.templates)
    assert len(set(entry.templates)) == len(entry.templates)
    if entry.hub is not None:
        assert entry.hub.id.count("/") == 1 and set(entry.hub.unconfirmed) <= {"train", "test"}


@pytest.mark.parametrize("entry", ON_DISK, ids=lambda entry: entry.name)
def test_every_layout_is_read_as_it_is(entry: ClassificationSet, tmp_path: Path) -> None:
    small, _, folder = laid_out(tmp_path, entry.name)
    assert small.state(Sources(tmp_path)) == "ready in the data root"
    task = small.task(Sources(tmp_path))
    assert task.class_names == ("first one", "second one", "third, one")
    assert (task.name, task.split_origin, task.budget) == (entry.name, "", None)
    assert folder.name in task.origin
    own = dict(SIZES) if "val" in entry.sizes else {"train": 6, "val": 2, "test": 6}  # a fifth of 8 stands in
    for split, rows in splits_of(task).items():
        assert Counter(rows.labels.tolist()) == dict.fromkeys(range(3), own[split])
        for row in (0, len(rows) - 1):
            picture = rows.image(row)
            assert picture.mode == "RGB" and abs(shown_class(picture) - rows.labels[row]) <= 2  # JPEG
    everything = [name for rows in splits_of(task).values() for name in rows.ids]
    assert len(set(everything)) == len(everything)


@pytest.mark.parametrize("name", SHIFTED)
def test_imagenets_shifted_copies_are_to_be_scored_on(name: str, tmp_path: Path) -> None:
    small, disk, folder = laid_out(tmp_path, name)
    task = small.task(Sources(tmp_path))
    assert task.class_names == ("first one", "second one", "third, one")
    assert Counter(task.test.labels.tolist()) == dict.fromkeys(range(3), SIZES["test"])
    assert abs(shown_class(task.test.image(len(task.test) - 1)) - 2) <= 2
    with pytest.raises(DataError, match=f"{name} has test images only: .*--evaluate task:{name}"):
        _ = task.train
    (folder / disk.class_file).write_text("n00000000 first one\n")
    with pytest.raises(DataError, match=r"classnames.txt: no line for the class folder"):
        small.task(Sources(tmp_path))


def test_the_two_hundred_classes_are_found_among_imagenets(tmp_path: Path) -> None:
    laid_out(tmp_path, "imagenet", names=["a", "b", "c", "d"])
    laid_out(tmp_path, "imagenet-r", names=["b", "d"])
    whole, part = (
        shrunk(BY_NAME[name], classes).task(Sources(tmp_path)) for name, classes in (("imagenet", 4), ("imagenet-r", 2))
    )
    assert role_of(whole, part) == "domain" and columns(whole, part) == [1, 3]


def test_images_are_decoded_only_when_asked_for(tmp_path: Path) -> None:
    entry, disk, folder = laid_out(tmp_path, "dtd")
    broken = folder / disk.images / "folder0/test_0.jpg"
    broken.write_bytes(b"no image")
    task = entry.task(Sources(tmp_path))
    row = list(task.test.ids).index("folder0/test_0.jpg")
    with pytest.raises(DataError, match=rf"{broken} can't be read as an image"):
        task.test.image(row)


def test_eurosats_class_names_are_put_into_words(tmp_path: Path) -> None:
    names = ["AnnualCrop", "Highway or Road", "River"]  # as on disk, as in the published file, the same in both
    entry, _, _ = laid_out(tmp_path, "eurosat", names=names)
    task = entry.task(Sources(tmp_path))
    assert task.class_names == ("Annual Crop Land", "Highway or Road", "River")
    assert task.class_texts()[0] == "a centered satellite photo of Annual Crop Land."


@pytest.mark.parametrize("name", ["dtd", "fgvc-aircraft", "imagenet"])
def test_odd_class_names_are_kept_as_they_are(name: str, tmp_path: Path) -> None:
    names = ["crêpes, “sweet”", "it's {odd} & <b>", "F-16A/B 日本"]
    entry, _, _ = laid_out(tmp_path, name, names=names)
    task = entry.task(Sources(tmp_path))
    assert list(task.class_names) == names
    assert all(one in text for one, text in zip(names, task.class_texts(), strict=True))


@pytest.mark.parametrize("name", ["dtd", "fgvc-aircraft", "imagenet"])
def test_images_that_are_replaced_under_their_names_are_another_version(name: str, tmp_path: Path) -> None:
    entry, _, folder = laid_out(tmp_path, name)
    sources = Sources(tmp_path, memory=tmp_path / "memory")
    before = entry.task(sources).version
    image = next(path for path in sorted(folder.rglob("*")) if path.suffix.lower() in (".jpg", ".jpeg"))
    body = image.read_bytes()
    image.write_bytes(body[:-1] + b"x")
    assert entry.task(sources).version != before
    image.write_bytes(body)
    assert entry.task(sources).version == entry.task(Sources(tmp_path)).version == before


def test_the_version_follows_split_and_images_and_nothing_else(tmp_path: Path) -> None:
    entry, disk, folder = laid_out(tmp_path / "here", "dtd")
    laid_out(tmp_path / "there", "dtd")
    here, there = entry.task(Sources(tmp_path / "here")), entry.task(Sources(tmp_path / "there"))
    assert here.version == there.version
    edit(folder / disk.index, lambda found: found["train"].reverse())
    assert entry.task(Sources(tmp_path / "here")).version != there.version
    other = msgspec.structs.replace(entry, templates=("another {}.",))
    assert other.task(Sources(tmp_path / "there")).version != there.version


def swap(split: str, row: int, **fields: Any) -> Callable[[dict[str, Any]], None]:
    """Change path, label or name of one row of a split file."""
    places = {"path": 0, "label": 1, "name": 2}

    def change(found: dict[str, Any]) -> None:
        for field, value in fields.items():
            found[split][row][places[field]] = value

    return change


BAD_SPLITS: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "a label too high": (swap("val", 0, label=3, name="new"), r"label 3 of 'folder0/val_0.jpg' is outside 0\.\.2"),
    "a label below zero": (swap("val", 0, label=-1, name="new"), r"label -1 of 'folder0/val_0.jpg' is outside 0\.\.2"),
    "a label that is text": (swap("test", 2, label="0"), r"isn't a split file .*Expected `int`, got `str`.*test"),
    "another name for a label": (swap("test", 0, name="x"), r"label 0 is 'first one', and in test .* it is 'x'"),
    "no split": (lambda found: found.pop("val"), r"isn't a split file .*missing required field `val`"),
    "an empty test set": (lambda found: found["test"].clear(), r"there is nothing in test"),
    "an image twice": (lambda found: found["train"].append(found["train"][0]), r"'folder0/train_0.jpg' is twice in train"),
    "a test image in train": (
        lambda found: found["train"].append(found["test"][0]),
        r"'folder0/test_0.jpg' is in train and in test",
    ),
    "an image that isn't there": (
        swap("test", 0, path="folder9/absent.jpg"),
        r"names 1 images that are not in .*images, the first is 'folder9/absent.jpg': add them",
    ),
    "fewer rows": (lambda found: found["train"].pop(), r"23 train, 24 expected: .*--other-counts"),
}


@pytest.mark.parametrize("case", BAD_SPLITS)
def test_a_bad_split_file_is_one_line_that_names_it(case: str, tmp_path: Path) -> None:
    change, message = BAD_SPLITS[case]
    entry, disk, folder = laid_out(tmp_path, "dtd")
    edit(folder / disk.index, change)
    with pytest.raises(DataError, match=message) as caught:
        entry.task(Sources(tmp_path))
    assert str(folder / disk.index) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("body", [b"", b'{"train": [', b"\xff\xfe", b"[]", b"null"])
def test_a_broken_split_file_is_told(body: bytes, tmp_path: Path) -> None:
    entry, disk, folder = laid_out(tmp_path, "dtd")
    (folder / disk.index).write_bytes(body)
    with pytest.raises(DataError, match=rf"{disk.index} isn't a split file \(.*\): get the file again") as caught:
        entry.task(Sources(tmp_path))
    assert "\n" not in str(caught.value)


def test_another_sets_split_file_is_told_by_its_classes(tmp_path: Path) -> None:
    entry, _, _ = laid_out(tmp_path, "dtd", names=["a", "b"])
    with pytest.raises(DataError, match="no image has label 2, 3 classes are expected"):
        entry.task(Sources(tmp_path))


def test_a_missing_split_file_is_told_and_not_replaced_by_a_download(tmp_path: Path) -> None:
    entry, disk, folder = laid_out(tmp_path, "dtd")
    (folder / disk.index).unlink()
    assert entry.state(Sources(tmp_path)) == f"dtd/ lacks {disk.index}"
    with pytest.raises(DataError, match=rf"{folder / disk.index} is missing: put it there"):
        entry.task(Sources(tmp_path))


def test_a_data_root_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"--data-root .*nowhere: no such folder"):
        BY_NAME["dtd"].task(Sources(tmp_path / "nowhere"))


@pytest.mark.parametrize(("sources", "why"), [(Sources(), "--data-root is not given"), (None, "has no such folder")])
def test_a_set_that_no_hub_has_needs_its_folder(sources: Sources | None, why: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=rf"ucf101 needs ucf101/ in the data root, and .*{why}"):
        BY_NAME["ucf101"].task(sources or Sources(tmp_path))


def test_other_counts_are_taken_on_request_and_never_stand_beside_the_usual_ones(tmp_path: Path) -> None:
    entry, disk, folder = laid_out(tmp_path, "dtd")
    allowed = Sources(tmp_path, other_counts=True)
    assert entry.task(allowed).split_origin == ""  # nothing differs
    edit(folder / disk.index, lambda found: found["train"].pop())
    task = entry.task(allowed)
    assert task.split_origin == OTHER_COUNTS
    assert "23 train, 24 expected" in task.origin
    assert len(task.train) == 23


def test_aircraft_of_an_unknown_variant_are_told(tmp_path: Path) -> None:
    entry, disk, folder = laid_out(tmp_path, "fgvc-aircraft")
    (folder / disk.class_file).write_text("first one\nsecond_one\n")
    with pytest.raises(DataError, match=r"images_variant_train.txt: class 'third, one' isn't in variants.txt"):
        entry.task(Sources(tmp_path))


def test_lists_that_are_no_text_are_told(tmp_path: Path) -> None:
    entry, disk, folder = laid_out(tmp_path, "fgvc-aircraft")
    (folder / disk.class_file).write_bytes(b"\xff\xfe\xff")
    with pytest.raises(DataError, match=r"variants.txt can't be read as text"):
        entry.task(Sources(tmp_path))


def test_imagenet_needs_a_name_for_each_class(tmp_path: Path) -> None:
    entry, disk, folder = laid_out(tmp_path, "imagenet")
    (folder / disk.class_file).write_text("n00000000 first one\n")
    with pytest.raises(DataError, match=r"classnames.txt: no line for the class folder n00000001"):
        entry.task(Sources(tmp_path))


def test_imagenet_needs_both_folders_of_each_class(tmp_path: Path) -> None:
    entry, _, folder = laid_out(tmp_path, "imagenet")
    (folder / "images/val/n00000002").rename(folder / "images/val/n00000009")
    with pytest.raises(DataError, match=r"images/val has no folder n00000002"):
        entry.task(Sources(tmp_path))


def test_imagenets_validation_images_must_be_sorted_into_classes(tmp_path: Path) -> None:
    entry, _, folder = laid_out(tmp_path, "imagenet")
    for path in list((folder / "images/val").rglob("*.JPEG")):
        path.rename(folder / "images/val" / path.name)
    for path in list((folder / "images/val").iterdir()):
        if path.is_dir():
            path.rmdir()
    with pytest.raises(DataError, match=r"images/val has no class folders: sort its images into one folder per class"):
        entry.task(Sources(tmp_path))


def test_files_that_are_hidden_do_not_count(tmp_path: Path) -> None:
    entry, _, folder = laid_out(tmp_path, "imagenet")
    (folder / "images/train/.cache").mkdir()
    Image.fromarray(np.zeros((2, 2, 3), np.uint8)).save(folder / "images/train/n00000000/._1.png")
    assert len(entry.task(Sources(tmp_path)).train) == 18
