"""Published few-shot index files as the support, instead of the harness's own draw.

    DIR/<data set>/shot_<K>-seed_<S>.json      {"train": {"data": [{"impath": ..., "label": ..., "classname": ...}, ...]},
                                                "val": {"data": [...]}}

These are CoOp's draws as `linzhiqiu/cross_modal_adaptation` publishes them. Their paths begin at the folder of some other
machine, so that an image is found by the end of its path. Which of two splits an image comes from is the file's affair: a
set without validation images of its own takes them from its training images.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections import Counter
from pathlib import Path

import msgspec
import numpy as np

from bench.errors import DataError, UsageError
from bench.plan.episode import Episode
from tasks.base import Split, SplitName, Task


class _Example(msgspec.Struct):
    impath: str
    label: int


class _Part(msgspec.Struct):
    data: list[_Example]


class _File(msgspec.Struct):
    train: _Part
    val: _Part | None = None


def support_name(folder: Path) -> str:
    """What supports from a folder are called in records and tables."""
    return folder.expanduser().resolve().name


def support_file(folder: Path, task: Task, shots: int, seed: int) -> Path:
    """The index file of one support. Raises UsageError, naming the file, if it isn't there."""
    path = folder.expanduser() / task.data.replace("-", "_") / f"shot_{shots}-seed_{seed}.json"
    if task.kind != "classification":
        raise UsageError(
            f"--support {folder}: index files are for classification tasks, {task.name} is {task.kind}: leave it out"
        )
    if not path.is_file():
        there = sorted(file.stem for file in path.parent.glob("shot_*-seed_*.json"))
        known = f"there are {', '.join(there)}" if there else f"there are none for {task.data}"
        raise UsageError(f"{path}: no such index file, {known}: choose other --tasks, --shots or --seeds, or leave out --support")
    return path


def file_hash(path: Path) -> str:
    """Of the file's content."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def pooled(task: Task) -> Task:
    """The same task with the rows of train and val together in both: what index files choose from."""

    def load(split: SplitName) -> Split:
        return task.test if split == "test" else pool()

    def pool() -> Split:
        train, val = task.train, task.val

        def image(row: int) -> object:
            return train.image(row) if row < len(train) else val.image(row - len(train))

        return Split([*train.ids, *val.ids], image, np.concatenate([train.labels, val.labels]))  # type: ignore[arg-type]

    return dataclasses.replace(task, load=load)


def given_episode(task: Task, folder: Path, shots: int, seed: int, protocol: str) -> Episode:
    """The episode that an index file gives; rows are those of a pooled task. Raises DataError naming file and value."""
    path = support_file(folder, task, shots, seed)
    try:
        found = msgspec.json.decode(path.read_bytes(), type=_File)
    except (msgspec.DecodeError, UnicodeDecodeError, OSError) as error:
        raise DataError(f"{path} isn't a few-shot index file ({error}): get it again") from error
    places = {name: row for row, name in enumerate(task.train.ids)}
    support = _rows(path, task, places, found.train, shots)
    validation: tuple[int, ...] = ()
    if protocol == "val":
        if found.val is None or not found.val.data:
            raise DataError(f"{path} has no validation images: use --protocol fixed, or leave out --support")
        validation = _rows(path, task, places, found.val, shots)
    return Episode(shots, seed, support, validation)


def _rows(path: Path, task: Task, places: dict[str, int], part: _Part, shots: int) -> tuple[int, ...]:
    """Rows of the examples in the file's order; a class has at most `shots`, and fewer only where it is that small."""
    rows = []
    for example in part.data:
        if task.half and example.label >= len(task.class_names):
            continue  # of the half that isn't learnt
        row = _row(example.impath, places)
        if row is None:
            raise DataError(
                f"{path}: {example.impath!r} is no training or validation image of {task.name} ({task.origin}): "
                "index files belong to the split that CoOp uses (--data-root)"
            )
        label = int(task.train.labels[row])
        if example.label != label:
            raise DataError(
                f"{path}: {example.impath!r} has label {example.label}, in {task.name} it is {label}: get the file again"
            )
        rows.append(row)
    counts = Counter(int(task.train.labels[row]) for row in rows)
    for number, name in enumerate(task.class_names):
        if not 1 <= counts[number] <= shots:
            raise DataError(
                f"{path}: class {name!r} has {counts[number]} examples, 1 to {shots} are expected: get the file again"
            )
    return tuple(rows)


def _row(path: str, places: dict[str, int]) -> int | None:
    """The row of the longest id that the path ends in."""
    parts = path.split("/")
    return next((places[name] for start in range(len(parts)) if (name := "/".join(parts[start:])) in places), None)
