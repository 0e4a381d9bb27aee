"""Folders of images as tasks: their splits, and each mistake that can be made with them."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.errors import DataError
from tasks.base import Task
from tasks.own import folder
from tasks.own.task import typed_task


def image_folder(root: Path, seed: int = 0) -> Task:
    return typed_task(f"imagefolder:{root}[seed={seed}]")


def fill(folder: Path, count: int, grey: int = 0, extension: str = "png") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        Image.new("L", (6, 5), grey + number).save(folder / f"{number:03d}.{extension}")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two classes of ten images without a split."""
    root = tmp_path / "pets"
    fill(root / "big_cat", 10, grey=0)
    fill(root / "dog", 10, grey=100)
    return root


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """Two classes with a split of their own."""
    root = tmp_path / "own"
    for split, count in (("train", 10), ("test", 3)):
        for number, name in enumerate(("a", "b")):
            fill(root / split / name, count, grey=100 * number)
    return root


def every_id(root: Path) -> list[str]:
    task = image_folder(root)
    return [*task.train.ids, *task.val.ids, *task.test.ids]


def test_a_seeded_split_uses_every_file_once(root: Path) -> None:
    task = image_folder(root)
    assert [len(split) for split in (task.train, task.val, task.test)] == [10, 4, 6]
    assert sorted(every_id(root)) == sorted(file.relative_to(root).as_posix() for file in root.rglob("*.png"))
    for split in (task.train, task.val, task.test):
        assert np.bincount(split.labels).tolist() == [len(split) // 2] * 2


def test_rows_are_what_their_ids_say(root: Path) -> None:
    task = image_folder(root)
    for row, name in enumerate(task.train.ids):
        image = task.train.image(row)
        assert (image.mode, image.size) == ("RGB", (6, 5))
        assert image.getpixel((0, 0))[0] == int(Path(name).stem) + (100 if name.startswith("dog") else 0)
        assert task.train.labels[row] == int(name.startswith("dog"))


def test_names_and_origin(root: Path, own: Path) -> None:
    task = image_folder(root)
    assert task.class_names == ("big cat", "dog")
    assert task.class_texts()[0] == "a photo of a big cat."
    assert task.name == "imagefolder:pets"
    assert task.origin == "imagefolder:pets, seeded split"
    assert image_folder(own).origin == "imagefolder:own, its own split"


def test_the_split_does_not_depend_on_the_order_of_the_file_system(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = every_id(root), image_folder(root).version
    listing = os.scandir
    monkeypatch.setattr(folder.os, "scandir", lambda path: contextlib.nullcontext(reversed(list(listing(path)))))
    assert (every_id(root), image_folder(root).version) == before


def test_the_split_depends_on_the_seed_and_on_no_other_class(root: Path) -> None:
    dogs = [name for name in image_folder(root).test.ids if name.startswith("dog")]
    assert image_folder(root, seed=1).test.ids != image_folder(root).test.ids
    fill(root / "ant", 5)
    assert [name for name in image_folder(root).test.ids if name.startswith("dog")] == dogs


def test_the_version_changes_with_names_sizes_and_seed(root: Path) -> None:
    versions = [image_folder(root).version, image_folder(root, seed=1).version]
    (root / "dog" / "000.png").rename(root / "dog" / "zero.png")
    versions.append(image_folder(root).version)
    Image.new("RGB", (60, 50), "red").save(root / "dog" / "zero.png")
    versions.append(image_folder(root).version)
    assert len(set(versions)) == 4
    assert image_folder(root).version == versions[-1]


def test_an_own_split_is_kept_and_val_is_carved_out_of_train(own: Path) -> None:
    task = image_folder(own)
    assert sorted(task.test.ids) == [f"test/{name}/{number:03d}.png" for name in "ab" for number in range(3)]
    assert len(task.val) == 4
    assert not set(task.val.ids) & set(task.train.ids)
    assert {name.split("/")[0] for name in (*task.val.ids, *task.train.ids)} == {"train"}
    assert task.val.ids == image_folder(own).val.ids


@pytest.mark.parametrize("name", ["val", "validation"])
def test_an_own_val_is_kept(own: Path, name: str) -> None:
    for each in "ab":
        fill(own / name / each, 2)
    task = image_folder(own)
    assert {each.split("/")[0] for each in task.val.ids} == {name}
    assert len(task.train) == 20


def test_extensions_in_any_case_nested_folders_and_what_does_not_count(root: Path) -> None:
    (root / "dog" / "000.png").rename(root / "dog" / "000.PnG")
    fill(root / "dog" / "puppies", 2)
    (root / "dog" / "notes.txt").write_text("no image")
    (root / "dog" / ".hidden.png").write_bytes(b"")
    fill(root / ".thumbnails", 1)
    (root / "README.md").write_text("pets")
    names = every_id(root)
    assert len(names) == 22
    assert "dog/000.PnG" in names
    assert "dog/puppies/001.png" in names


def test_a_class_may_be_called_train(root: Path) -> None:
    fill(root / "train", 4)
    assert image_folder(root).class_names == ("big cat", "dog", "train")


def test_links_in_a_loop_are_followed_once(root: Path) -> None:
    (root / "dog" / "again").symlink_to(root / "dog", target_is_directory=True)
    (root / "dog" / "all").symlink_to(root, target_is_directory=True)
    (root / "dog" / "self.png").symlink_to(root / "dog" / "self.png")
    assert sum(name.startswith("dog/") and "/all/" not in name for name in every_id(root)) == 10


def test_a_linked_class_folder_counts(root: Path, tmp_path: Path) -> None:
    fill(tmp_path / "elsewhere", 4)
    (root / "cow").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    assert sum(name.startswith("cow/") for name in every_id(root)) == 4


@pytest.mark.parametrize("count", [2, 3, 4])
def test_few_images_still_give_train_and_test(tmp_path: Path, count: int) -> None:
    fill(tmp_path / "a", count)
    fill(tmp_path / "b", count)
    task = image_folder(tmp_path)
    assert len(task.train) >= 2
    assert len(task.test) == 2


def fails(root: Path, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        image_folder(root)
    assert "\n" not in str(caught.value)


def test_a_missing_folder(tmp_path: Path) -> None:
    fails(tmp_path / "nowhere", r"nowhere: no such folder: give ")


def test_a_file_instead_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    fails(tmp_path / "file", r"file: no such folder")


def test_an_empty_folder(tmp_path: Path) -> None:
    fails(tmp_path, r"has no class folders: put ")


def test_one_class_only(tmp_path: Path, own: Path) -> None:
    fill(tmp_path / "lone" / "cat", 5)
    fails(tmp_path / "lone", r"lone has only one class, 'cat': at least two")


def test_a_class_without_images(root: Path) -> None:
    (root / "empty").mkdir()
    fails(root, r"empty holds no images \(apng, avif.*\): add some, or remove")


def test_a_class_of_one_image(root: Path) -> None:
    fill(root / "rare", 1)
    fails(root, r"class 'rare' has one image only: 2 or more are needed")


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ("train/c", r"own/test has no class folder 'c', which train/ has"),
        ("test/c", r"own/train has no class folder 'c', which test/ has"),
        ("val/a", r"own/val has no class folder 'b', which train/ has"),
    ],
)
def test_classes_that_differ_between_splits(own: Path, extra: str, message: str) -> None:
    fill(own / extra, 2)
    fails(own, message)


def test_train_without_test(own: Path) -> None:
    (own / "test").rename(own / "holdout")
    fails(own, r"own has train/ but no test/: add test/")


def test_two_folders_of_one_name(root: Path) -> None:
    fill(root / "big-cat", 3)
    fails(root, r"'big-cat' and 'big_cat' read 'big cat'")


def test_a_folder_that_cannot_be_listed(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(folder.os, "scandir", refuse)
    fails(root, r"can't be listed \(Permission denied\): make it readable")


def test_a_file_name_that_is_not_utf8_is_named(root: Path) -> None:
    (root / "dog" / os.fsdecode(b"caf\xe9.png")).write_bytes((root / "dog" / "000.png").read_bytes())
    fails(root, r"dog holds a file whose name is not UTF-8: rename")


def test_a_broken_image_is_named_when_it_is_asked_for(root: Path) -> None:
    for file in (root / "dog").iterdir():
        file.write_bytes(b"broken")
    task = image_folder(root)
    row = int(np.flatnonzero(task.train.labels == 1)[0])
    with pytest.raises(DataError, match=rf"{task.train.ids[row]} can't be read as an image"):
        task.train.image(row)
