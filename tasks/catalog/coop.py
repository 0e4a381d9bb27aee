"""Data sets in the layout of CoOp's data root, of which each has a folder with images and an index of what is in which split.

json      split_zhou_NAME.json: {"train": [[path, label, class name], ...], "val": ..., "test": ...}
lists     images_variant_{train,val,test}.txt: an image's number and its class on each line; variants.txt: the classes
folders   train/WNID/..., val/WNID/...: a folder for each class, tested on val; classnames.txt: WNID and name on each line
test      WNID/... or, in the order of classnames.txt, NUMBER/...: a folder for each class, all of it to be tested on
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import numpy as np

from bench.errors import DataError
from tasks.base import SplitName
from tasks.catalog.labelled import Labelled, Splits, check_labels, check_unique

AGAIN = "get the file again (docs/data.md says where from)"
SPLITS: tuple[SplitName, ...] = ("train", "val", "test")


class OnDisk(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a data root has the set."""

    folder: str
    index: str  # file that says which image is in which split; {} stands for train, val or test
    images: str = ""  # folder of images inside `folder`; the index's paths start there
    form: Literal["json", "lists", "folders", "test"] = "json"
    class_file: str = ""  # file of class names, for forms whose index has none
    renamed: dict[str, str] = {}  # class names of the index -> those that are put into texts

    def missing(self, folder: Path) -> str | None:
        """What isn't in the folder though it must be; None if all is."""
        splits = [] if self.form in ("folders", "test") else [self.index.format(split) for split in SPLITS]
        images = [f"{self.images}/{split}" for split in ("train", "val")] if self.form == "folders" else [self.images]
        needed = dict.fromkeys(filter(None, [*splits, self.class_file, *images]))
        return next((name for name in needed if not (folder / name).exists()), None)


def read(disk: OnDisk, folder: Path, classes: int | None) -> tuple[tuple[str, ...], Splits]:
    """Class names and rows, every image of which is there. `classes`: their number; None for as many as there are.

    An id is the image's path inside the folder of images. Raises DataError that names file, value and remedy.
    """
    lacking = disk.missing(folder)
    if lacking is not None:
        raise DataError(f"{folder / lacking} is missing: put it there (docs/data.md says where from)")
    reader = {"json": _read_json, "lists": _read_lists, "folders": _read_folders, "test": _read_test}[disk.form]
    names, splits = reader(disk, folder, classes)
    where = folder / disk.index
    for split, rows in splits.items():
        if not len(rows):
            raise DataError(f"{where}: there is nothing in {split}: {AGAIN}")
        check_labels(where, rows, len(names))
    check_unique(where, splits)
    if disk.form not in ("folders", "test"):  # whose images were found on disk
        _check_present(where, folder / disk.images, splits)
    return tuple(disk.renamed.get(name, name).replace("_", " ") for name in names), splits


Label = Annotated[int, msgspec.Meta(ge=-(2**31), lt=2**31)]  # fits the array that it goes into


class _Split(msgspec.Struct):
    train: list[tuple[str, Label, str]]
    val: list[tuple[str, Label, str]]
    test: list[tuple[str, Label, str]]


def _read_json(disk: OnDisk, folder: Path, classes: int | None) -> tuple[Sequence[str], Splits]:
    path = folder / disk.index
    try:
        found = msgspec.json.decode(path.read_bytes(), type=_Split)
    except (msgspec.DecodeError, UnicodeDecodeError, OSError) as error:
        raise DataError(f"{path} isn't a split file ({error}): {AGAIN}") from error
    entries = {split: getattr(found, split) for split in SPLITS}
    names: dict[int, str] = {}
    for split, rows in entries.items():
        for image, label, name in rows:
            if names.setdefault(label, name) != name:
                raise DataError(f"{path}: label {label} is {names[label]!r}, and in {split} ({image!r}) it is {name!r}: {AGAIN}")
    count = len(names) if classes is None else classes
    splits = {
        split: Labelled([image for image, _, _ in rows], np.array([label for _, label, _ in rows], np.int64))
        for split, rows in entries.items()
    }
    for rows in splits.values():
        check_labels(path, rows, count)
    nameless = [label for label in range(count) if label not in names]
    if nameless:
        raise DataError(f"{path}: no image has label {nameless[0]}, {count} classes are expected: {AGAIN}")
    return [names[label] for label in range(count)], splits


def _read_lists(disk: OnDisk, folder: Path, classes: int | None) -> tuple[Sequence[str], Splits]:
    names = _lines(folder / disk.class_file)
    number = {name: label for label, name in enumerate(names)}
    splits: dict[SplitName, Labelled] = {}
    for split in SPLITS:
        path = folder / disk.index.format(split)
        pairs = [line.partition(" ") for line in _lines(path)]
        unknown = next((name for _, _, name in pairs if name not in number), None)
        if unknown is not None:
            raise DataError(f"{path}: class {unknown!r} isn't in {disk.class_file}: {AGAIN}")
        labels = np.array([number[name] for _, _, name in pairs], np.int64)
        splits[split] = Labelled([f"{image}.jpg" for image, _, _ in pairs], labels)
    return names, splits


def _read_folders(disk: OnDisk, folder: Path, classes: int | None) -> tuple[Sequence[str], Splits]:
    path = folder / disk.class_file
    named = {wnid: name for wnid, _, name in (line.partition(" ") for line in _lines(path))}
    found: dict[str, Mapping[str, list[str]]] = {}
    for split in ("train", "val"):
        found[split] = _class_folders(folder / disk.images / split)
    wnids = sorted(found["train"])
    for wnid in sorted({*found["train"], *found["val"]}):
        for split in ("train", "val"):
            if wnid not in found[split]:
                raise DataError(f"{folder / disk.images / split} has no folder {wnid}, which the other split has: add it")
        if wnid not in named:
            raise DataError(f"{path}: no line for the class folder {wnid}: {AGAIN}")
    splits: dict[SplitName, Labelled] = {}
    for split, name in (("train", "train"), ("val", "test")):
        ids = [f"{split}/{wnid}/{image}" for wnid in wnids for image in found[split][wnid]]
        labels = np.repeat(np.arange(len(wnids)), [len(found[split][wnid]) for wnid in wnids])
        splits[name] = Labelled(ids, labels.astype(np.int64))  # type: ignore[index]
    return [named[wnid] for wnid in wnids], splits


def _read_test(disk: OnDisk, folder: Path, classes: int | None) -> tuple[Sequence[str], Splits]:
    path, images = folder / disk.class_file, folder / disk.images
    lines = [line.partition(" ")[::2] for line in _lines(path)]
    found = _class_folders(images)
    numbered = {str(number): name for number, (_, name) in enumerate(lines)}
    named = dict(lines) if not set(found) <= numbered.keys() else numbered
    order = sorted(found, key=list(numbered).index) if named is numbered else sorted(found)
    unknown = next((each for each in order if each not in named), None)
    if unknown is not None:
        raise DataError(f"{path}: no line for the class folder {unknown}: {AGAIN}")
    ids = [f"{each}/{image}" for each in order for image in found[each]]
    labels = np.repeat(np.arange(len(order)), [len(found[each]) for each in order]).astype(np.int64)
    return [named[each] for each in order], {"test": Labelled(ids, labels)}


def _class_folders(folder: Path) -> Mapping[str, list[str]]:
    """The folders inside a folder, and the names of the files in each, sorted."""
    with os.scandir(folder) as entries:
        names = [entry.name for entry in entries if entry.is_dir() and not entry.name.startswith(".")]
    if not names:
        raise DataError(f"{folder} has no class folders: sort its images into one folder per class, as train/ has them")
    return {name: sorted(_visible(folder / name)) for name in names}


def _visible(folder: Path) -> list[str]:
    with os.scandir(folder) as entries:
        return [entry.name for entry in entries if not entry.name.startswith(".")]


def _names(folder: Path) -> set[str]:
    """Of what is in the folder; none for one that isn't there, or that can't be."""
    try:
        return set(_visible(folder))
    except (OSError, ValueError):
        return set()


def _lines(path: Path) -> list[str]:
    """Lines that aren't empty, without the space around them."""
    try:
        return [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} can't be read as text ({error}): {AGAIN}") from error


def _check_present(where: Path, images: Path, splits: Splits) -> None:
    """Raises DataError for images that aren't there. Each folder is listed once: asking file by file is slow over a network."""
    wanted: dict[str, list[str]] = defaultdict(list)
    for rows in splits.values():
        for name in rows.ids:
            parent, _, file = name.rpartition("/")
            wanted[parent].append(file)
    absent = []
    for parent, files in wanted.items():
        folder = images / parent
        there = _names(folder)
        absent += [f"{parent}/{file}".lstrip("/") for file in files if file not in there]
    if absent:
        raise DataError(f"{where} names {len(absent):,} images that are not in {images}, the first is {absent[0]!r}: add them")
