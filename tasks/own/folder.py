"""Any folder of images as a table: one folder per class, with or without its own split.

    ROOT/cat/1.jpg ...                                   no split of its own
    ROOT/train/cat/1.jpg ... ROOT/test/cat/7.jpg ...     its own split; val/ or validation/ too, if there is one
    ROOT/photo/cat/1.jpg ... ROOT/sketch/cat/7.jpg ...   domains, where the card says which are train and test

Images in folders inside a class's folder belong to the class, too. Hidden files and folders don't count. What else is left
out is counted.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from bench.errors import DataError
from tasks.images import EXTENSIONS
from tasks.own.dealing import SPLITS, called
from tasks.own.table import DataTable, Tables

MOST_KINDS = 8  # of files left out that a note names


@dataclass
class _Found:
    """The images of each class folder, sorted, relative to the root; and what isn't among them."""

    classes: dict[str, pa.Array] = field(default_factory=dict)
    others: Counter[str] = field(default_factory=Counter)  # files of other kinds, by extension
    lost: int = 0  # links that lead nowhere
    beside: int = 0  # images that lie beside the class folders

    @property
    def notes(self) -> Iterator[str]:
        if self.others:
            most = sorted(self.others.items(), key=lambda each: (-each[1], each[0]))[:MOST_KINDS]
            kinds = [f"{count} {extension or 'without extension'}" for extension, count in most]
            more = f" and {len(self.others) - MOST_KINDS} more kinds" if len(self.others) > MOST_KINDS else ""
            yield f"left out, files of other kinds: {self.others.total()} ({', '.join(kinds)}{more})"
        if self.lost:
            yield f"left out, links that lead nowhere: {self.lost}"
        if self.beside:
            yield f"left out, images beside the class folders: {self.beside}"


def folder_tables(root: Path, chosen: Sequence[str] = ()) -> Tables:
    """Columns `image` and `label` of each split. Raises DataError that names what is wrong and the remedy.

    chosen: the folders in `root` that a card names as splits; then all folders there hold class folders.
    """
    if not root.is_dir():
        raise DataError(f"{root}: no such folder: give the folder that holds one folder of images per class")
    inside = [each.name for each in _visible(root) if _is(each.is_dir)]
    if chosen:
        absent = next((name for name in chosen if name not in inside), None)
        if absent is not None:
            raise DataError(f"{root} has no folder {absent!r} to be a split; there are {', '.join(inside[:20]) or 'none'}")
        wanted = [name for name in inside if name in chosen or called(name) is not None]
        beside = _left_out(root, inside, wanted)
        return {name: _table(root, _classes(root, root / name), beside if name == wanted[0] else ()) for name in wanted}
    splits = _splits(root, inside)
    if not splits:
        return {"": _table(root, _classes(root, root), _domains(root, inside))}
    read = {split: _classes(root, root / name) for split, name in splits.items()}
    train = splits["train"]
    for split, part in read.items():
        name = splits[split]
        for there, other, missing in (
            (name, train, read["train"].classes.keys() - part.classes),
            (train, name, part.classes.keys() - read["train"].classes),
        ):
            if missing:
                raise DataError(
                    f"{root / there} has no class folder {min(missing)!r}, which {other}/ has: add it, or remove the other"
                )
    beside = _left_out(root, inside, list(splits.values()))
    return {split: _table(root, part, beside if split == "train" else ()) for split, part in read.items()}


def _splits(root: Path, inside: Sequence[str]) -> dict[str, str]:
    """The folders that stand for splits, by split; none where train or test have no folders inside them to be classes."""
    found: dict[str, str] = {}
    before = _shared_beginning(inside)
    for name in inside:
        split = called(name) or called(name.removeprefix(before))
        if split is None:
            continue
        if split in found:
            both = f"{found[split]}/ and {name}/"
            raise DataError(f"{root}: {both} may both be {split}: say which is which by train=FOLDER and test=FOLDER")
        found[split] = name
    held = [name for name in found.values() if any(_is(each.is_dir) for each in _visible(root / name))]
    if "train" in found and "test" not in found and found["train"] in held:
        name = found["train"]
        raise DataError(f"{root} has {name}/ but no test/: add test/, or give the name test/ to the folder of test images")
    return {split: found[split] for split in SPLITS if split in found} if {"train", "test"} <= found.keys() else {}


def _shared_beginning(names: Sequence[str]) -> str:
    """What stands before all names up to a separator, as "seg_" of seg_train and seg_test; empty for a single name."""
    if len(names) < 2:
        return ""
    first, last = min(names), max(names)
    alike = next((number for number, (one, other) in enumerate(zip(first, last, strict=False)) if one != other), len(first))
    found = re.match(r".*[ _.-]", first[:alike])
    return "" if found is None else found[0]


def _domains(root: Path, inside: Sequence[str]) -> tuple[str, ...]:
    """A line if all folders hold the same folders, which then are likelier to be the classes."""
    held = [{each.name for each in _visible(root / name) if _is(each.is_dir)} for name in inside]
    if len(held) < 2 or len(held[0]) < 2 or any(names != held[0] for names in held):
        return ()
    classes, first, last = ", ".join(sorted(held[0])[:5]), inside[0], inside[-1]
    if all(map(called, held[0])):
        return (
            f"all classes hold the folders {classes}, and a split is drawn over both: put train/ and test/ above the classes",
        )
    return (
        f"all classes ({', '.join(inside[:5])}{', ...' if len(inside) > 5 else ''}) hold the same folders ({classes}"
        f"{', ...' if len(held[0]) > 5 else ''}): if these are the classes, say train={first} and test={last} and so on",
    )


def _table(root: Path, found: _Found, notes: tuple[str, ...] = ()) -> DataTable:
    def read(columns: object) -> pa.Table:
        labels = [pa.repeat(pa.scalar(name, pa.large_string()), len(files)) for name, files in found.classes.items()]
        return pa.table({"image": pa.chunked_array(list(found.classes.values())), "label": pa.chunked_array(labels)})

    return DataTable(str(root), root, ("image", "label"), read, notes=(*found.notes, *notes))


def _classes(root: Path, folder: Path) -> _Found:
    """The class folders and their images, sorted by name, whatever order the file system gives."""
    entries = _visible(folder)
    folders = [each for each in entries if _is(each.is_dir)]
    if len(entries) == 1 and folders and folders[0].name == folder.name:  # as archives are unpacked
        return _classes(root, folder / folder.name)
    if not folders:
        raise DataError(f"{folder} has no class folders: put the images of each class into a folder of the class's name")
    files = [each for each in entries if _is(each.is_file)]
    result = _Found(beside=sum(_is_image(each.name) for each in files), lost=len(entries) - len(folders) - len(files))
    for each in folders:
        found = sorted(_images(each.path, f"{os.path.relpath(each.path, root)}/", set(), result))
        try:
            result.classes[each.name] = pa.array(found, pa.large_string())
        except UnicodeEncodeError as error:
            raise DataError(f"{each.path} holds a file whose name is not UTF-8: rename {error.object!a}") from error
    for name, images in result.classes.items():
        if not len(images):
            kinds = ", ".join(sorted(extension[1:] for extension in EXTENSIONS))
            raise DataError(f"{folder / name} holds no images ({kinds}): add some, or remove the folder")
    return result


def _visible(folder: str | Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted((each for each in entries if not each.name.startswith(".")), key=lambda each: each.name)
    except OSError as error:
        raise DataError(f"{folder} can't be listed ({error.strerror}): make it readable") from error


def _images(folder: str, prefix: str, seen: set[tuple[int, int]], found: _Found) -> Iterator[str]:
    """Images in a folder and the folders inside it; a folder that links lead to again is entered once."""
    status = os.stat(folder)  # noqa: PTH116 - a Path for each of a million files costs more than all the rest
    if (status.st_dev, status.st_ino) in seen:
        return
    seen.add((status.st_dev, status.st_ino))
    for each in _visible(folder):
        if _is(each.is_dir):
            yield from _images(each.path, f"{prefix}{each.name}/", seen, found)
        elif not _is(each.is_file):
            found.lost += 1
        elif _is_image(each.name):
            yield prefix + each.name
        else:
            found.others[os.path.splitext(each.name)[1].lower()] += 1  # noqa: PTH122


def _left_out(root: Path, inside: Sequence[str], used: Sequence[str]) -> tuple[str, ...]:
    """A line for each folder beside those of the splits, with how many images it holds."""
    counts = {name: sum(1 for _ in _images(str(root / name), "", set(), _Found())) for name in inside if name not in used}
    return tuple(f"left out, images in {name}/: {count}" for name, count in counts.items())


def _is_image(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in EXTENSIONS  # noqa: PTH122


def _is(what: Callable[[], bool]) -> bool:
    """False for a link that leads to itself."""
    try:
        return what()
    except OSError:
        return False
