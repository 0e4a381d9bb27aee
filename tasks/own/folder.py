"""Any folder of images as a table: one folder per class, with or without its own split.

    ROOT/cat/1.jpg ...                                   no split of its own
    ROOT/train/cat/1.jpg ... ROOT/test/cat/7.jpg ...     its own split; val/ or validation/ too, if there is one

Images in folders inside a class's folder belong to the class, too. Hidden files and folders don't count.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa

from bench.errors import DataError
from tasks.images import EXTENSIONS
from tasks.own.table import DataTable, Tables

Files = dict[str, pa.Array]  # class folder's name -> its images, sorted, relative to the root


def folder_tables(root: Path) -> Tables:
    """Columns `image` and `label` of each split. Raises DataError that names what is wrong and the remedy."""
    if not root.is_dir():
        raise DataError(f"{root}: no such folder: give the folder that holds one folder of images per class")
    if not ((root / "train").is_dir() and (root / "test").is_dir()):
        if (root / "train").is_dir() and any(_is(each.is_dir) for each in _visible(root / "train")):
            raise DataError(f"{root} has train/ but no test/: add test/, or give the name test/ to the folder of test images")
        return {"": _table(root, _classes(root, root))}
    val = next((name for name in ("val", "validation") if (root / name).is_dir()), None)
    found = {name: _classes(root, root / name) for name in ("train", "test", val) if name}
    for name, files in found.items():
        for here, there, missing in (
            ("train", name, found["train"].keys() - files),
            (name, "train", files.keys() - found["train"]),
        ):
            if missing:
                raise DataError(
                    f"{root / there} has no class folder {min(missing)!r}, which {here}/ has: add it, or remove the other"
                )
    return {name: _table(root, files) for name, files in found.items()}


def _table(root: Path, classes: Files) -> DataTable:
    def read(columns: object) -> pa.Table:
        labels = [pa.repeat(pa.scalar(name, pa.large_string()), len(files)) for name, files in classes.items()]
        return pa.table({"image": pa.chunked_array(list(classes.values())), "label": pa.chunked_array(labels)})

    return DataTable(str(root), root, ("image", "label"), read)


def _classes(root: Path, folder: Path) -> Files:
    """The class folders and their images, sorted by name, whatever order the file system gives."""
    folders = [each for each in _visible(folder) if _is(each.is_dir)]
    if not folders:
        raise DataError(f"{folder} has no class folders: put the images of each class into a folder of the class's name")
    classes: Files = {}
    for each in folders:
        found = sorted(_images(each.path, f"{os.path.relpath(each.path, root)}/", set()))
        try:
            classes[each.name] = pa.array(found, pa.large_string())
        except UnicodeEncodeError as error:
            raise DataError(f"{each.path} holds a file whose name is not UTF-8: rename {error.object!a}") from error
    for name, files in classes.items():
        if not len(files):
            kinds = ", ".join(sorted(extension[1:] for extension in EXTENSIONS))
            raise DataError(f"{folder / name} holds no images ({kinds}): add some, or remove the folder")
    return classes


def _visible(folder: str | Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted((each for each in entries if not each.name.startswith(".")), key=lambda each: each.name)
    except OSError as error:
        raise DataError(f"{folder} can't be listed ({error.strerror}): make it readable") from error


def _images(folder: str, prefix: str, seen: set[tuple[int, int]]) -> Iterator[str]:
    """Images in a folder and the folders inside it; a folder that links lead to again is entered once."""
    status = os.stat(folder)  # noqa: PTH116 - a Path for each of a million files costs more than all the rest
    if (status.st_dev, status.st_ino) in seen:
        return
    seen.add((status.st_dev, status.st_ino))
    for each in _visible(folder):
        if _is(each.is_dir):
            yield from _images(each.path, f"{prefix}{each.name}/", seen)
        elif os.path.splitext(each.name)[1].lower() in EXTENSIONS and _is(each.is_file):  # noqa: PTH122
            yield prefix + each.name


def _is(what: Callable[[], bool]) -> bool:
    """False for a link that leads to itself."""
    try:
        return what()
    except OSError:
        return False
