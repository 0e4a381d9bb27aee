"""Any folder of images as a classification task: one folder per class, with or without its own split.

    ROOT/cat/1.jpg ...                                   split here: 50 % train, 20 % val, 30 % test of each class
    ROOT/train/cat/1.jpg ... ROOT/test/cat/7.jpg ...     its own split; val/ or validation/ too, or else a fifth of train

Images in folders inside a class's folder belong to the class, too. Hidden files and folders don't count.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from bench.errors import DataError
from tasks.base import Split, SplitName, Task
from tasks.images import EXTENSIONS, open_image

TEST_SHARE = 0.3
VAL_SHARE = 0.2

Files = dict[str, list[Path]]  # class folder's name -> its images, sorted


def image_folder(path: Path, seed: int = 0) -> Task:
    """The task of a folder. Raises DataError that names what is wrong and the remedy."""
    root = path.expanduser()
    if not root.is_dir():
        raise DataError(f"{path}: no such folder: give the folder that holds one folder of images per class")
    own = (root / "train").is_dir() and (root / "test").is_dir()
    splits = _own_split(root, seed) if own else _seeded_split(root, seed)
    classes = tuple(splits["train"])
    if len(classes) == 1:
        raise DataError(f"{path} has only one class folder, {classes[0]!r}: at least two classes are needed")
    return Task(
        name=f"imagefolder:{path}",
        kind="classification",
        version=_version(root, splits),
        class_names=_class_names(root, classes),
        load=partial(_load, root, splits),
        licence="unknown",
        origin=f"image folder {root.resolve().name}, {'its own' if own else 'seeded'} split",
    )


def _load(root: Path, splits: dict[SplitName, Files], split: SplitName) -> Split:
    rows = [(file, number) for number, files in enumerate(splits[split].values()) for file in files]
    files = [file for file, _ in rows]
    ids = [file.relative_to(root).as_posix() for file in files]
    return Split(ids, partial(_open_row, files), np.array([number for _, number in rows], np.int64))


def _open_row(files: list[Path], row: int) -> Image.Image:
    return open_image(files[row])


def _own_split(root: Path, seed: int) -> dict[SplitName, Files]:
    train, test = _classes(root / "train"), _classes(root / "test")
    _same_classes(root, "train", train, "test", test)
    for name in ("val", "validation"):
        if (root / name).is_dir():
            val = _classes(root / name)
            _same_classes(root, "train", train, name, val)
            return {"train": train, "val": val, "test": test}
    _, val, rest = _deal(train, seed, lambda count: (0, min(count - 1, round(VAL_SHARE * count))))
    return {"train": rest, "val": val, "test": test}


def _seeded_split(root: Path, seed: int) -> dict[SplitName, Files]:
    if (root / "train").is_dir() and _folders(root / "train"):
        raise DataError(f"{root} has train/ but no test/: add test/, or give the name test/ to the folder of test images")
    classes = _classes(root)
    for name, files in classes.items():
        if len(files) < 2:
            raise DataError(f"{root / name} holds one image only: a class needs 2 or more, one to learn from and one to test on")
    test, val, train = _deal(classes, seed, lambda count: (max(1, round(TEST_SHARE * count)), round(VAL_SHARE * count)))
    return {"train": train, "val": val, "test": test}


def _deal(classes: Files, seed: int, sizes: Callable[[int], tuple[int, int]]) -> tuple[Files, Files, Files]:
    """Each class's images in three parts: of the two sizes given, and the rest. A class's parts depend on no other class."""
    parts: tuple[Files, Files, Files] = ({}, {}, {})
    for name, files in classes.items():
        order = np.random.default_rng([seed, zlib.crc32(name.encode())]).permutation(len(files))
        first, second = sizes(len(files))
        for part, chosen in zip(parts, np.split(order, [first, first + second]), strict=True):
            part[name] = [files[number] for number in sorted(chosen)]
    return parts


def _same_classes(root: Path, first: str, some: Files, second: str, others: Files) -> None:
    for here, there, missing in ((first, second, some.keys() - others), (second, first, others.keys() - some)):
        if missing:
            raise DataError(
                f"{root / there} has no class folder {min(missing)!r}, which {here}/ has: add it, or remove the other"
            )


def _classes(folder: Path) -> Files:
    """The class folders and their images, sorted by name, whatever order the file system gives."""
    folders = _folders(folder)
    if not folders:
        raise DataError(f"{folder} has no class folders: put the images of each class into a folder of the class's name")
    classes = {each.name: sorted(_images(each, set()), key=lambda file: file.relative_to(folder).as_posix()) for each in folders}
    for name, files in classes.items():
        if not files:
            kinds = ", ".join(sorted(extension[1:] for extension in EXTENSIONS))
            raise DataError(f"{folder / name} holds no images ({kinds}): add some, or remove the folder")
    return classes


def _visible(folder: Path) -> list[Path]:
    try:
        return sorted(each for each in folder.iterdir() if not each.name.startswith("."))
    except OSError as error:
        raise DataError(f"{folder} can't be listed ({error.strerror}): make it readable") from error


def _folders(folder: Path) -> list[Path]:
    return [each for each in _visible(folder) if each.is_dir()]


def _images(folder: Path, seen: set[tuple[int, int]]) -> list[Path]:
    """Images in a folder and the folders inside it; a folder that links lead to again is entered once."""
    status = folder.stat()
    if (status.st_dev, status.st_ino) in seen:
        return []
    seen.add((status.st_dev, status.st_ino))
    found = []
    for each in _visible(folder):
        if each.is_dir():
            found += _images(each, seen)
        elif each.suffix.lower() in EXTENSIONS and each.is_file():
            found.append(each)
    return found


def _class_names(root: Path, folders: tuple[str, ...]) -> tuple[str, ...]:
    names: dict[str, str] = {}
    for folder in folders:
        name = " ".join(folder.replace("_", " ").replace("-", " ").split()) or folder
        if name in names:
            raise DataError(f"{root}: class folders {names[name]!r} and {folder!r} both read {name!r}: rename or merge one")
        names[name] = folder
    return tuple(names)


def _version(root: Path, splits: dict[SplitName, Files]) -> str:
    """A short hash of which files there are, how large, and in which split."""
    digest = hashlib.sha256()
    for split, classes in splits.items():
        for files in classes.values():
            for file in files:
                digest.update(f"{split}\t{file.relative_to(root).as_posix()}\t{file.stat().st_size}\n".encode())
    return digest.hexdigest()[:12]
