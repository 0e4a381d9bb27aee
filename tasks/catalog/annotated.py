"""Public data sets that are annotation files beside a folder of images, as the field has them on disk."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.errors import DataError
from tasks.base import Augmentation, Sources, Split, SplitName, Task
from tasks.catalog.labelled import OTHER_COUNTS, counts_error, wrong_classes, wrong_counts
from tasks.contents import contents

VALIDATION_PARTS = 10  # where a set has no validation split, one part in so many of its training images stands in


@dataclass(frozen=True)
class Contents:
    """What the files hold. A task without `val` gets it from `train`."""

    splits: Mapping[SplitName, Split]
    class_names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Form:
    """One of the forms in which a set is found on disk.

    needs: for each file or folder that `read` takes, the places under the data root where it may be.
    sizes: rows of each split as the files have it.
    """

    needs: Sequence[Sequence[str]]
    read: Callable[..., Contents]
    sizes: Mapping[SplitName, int]
    split: str  # whose split it is

    def found(self, root: Path) -> list[Path]:
        """What `read` takes, as far as it is there."""
        there = (next((root / place for place in places if (root / place).exists()), None) for places in self.needs)
        return [path for path in there if path is not None]

    def missing(self, root: Path | None) -> list[str]:
        """Without a data root all that is needed."""
        return [
            " or ".join(places) for places in self.needs if root is None or not any((root / place).exists() for place in places)
        ]


@dataclass(frozen=True)
class Annotated:
    """One data set; the first of its forms that is whole is read."""

    name: str
    kind: str
    classes: int
    licence: str
    link: str  # where to get it
    forms: Sequence[Form]
    augmentation: Augmentation
    candidate: str | None = None
    shot_unit: int = 1
    version: str = "1"

    @property
    def sizes(self) -> Mapping[SplitName, int]:
        return self.forms[0].sizes

    def state(self, sources: Sources) -> str:
        missing = self._form(sources.root).missing(sources.root)
        if not missing:
            return "ready in the data root"
        return f"needs {missing[0]}{f' and {len(missing) - 1} more' if len(missing) > 1 else ''}"

    def task(self, sources: Sources) -> Task:
        if (root := sources.root) is None:
            raise DataError(f"task {self.name} needs files: give their folder by --data-root; they come from {self.link}")
        form = self._form(root)
        if missing := form.missing(root):
            raise DataError(f"task {self.name}: {root} has no {', no '.join(missing)}: get what is missing from {self.link}")
        found = form.read(*form.found(root))
        wrong = [*wrong_classes(found.class_names, self.classes), *wrong_counts(found.splits, form.sizes)]
        if wrong and not sources.other_counts:
            raise counts_error(form.found(root)[0], wrong)
        whose = f"{OTHER_COUNTS} ({'; '.join(wrong)})" if wrong else form.split
        splits = found.splits if "val" in found.splits else _with_validation(found.splits)
        return Task(
            name=self.name,
            kind=self.kind,
            version=f"{self.version}-{_short_hash([form.split, *found.class_names], splits, sources.memory)}",
            class_names=found.class_names,
            load=splits.__getitem__,
            licence=self.licence,
            origin=f"{self.name}, {whose}",
            split_origin=OTHER_COUNTS if wrong else "",
            augmentation=self.augmentation,
            candidate=self.candidate,
            shot_unit=self.shot_unit,
        )

    def _form(self, root: Path | None) -> Form:
        """The form of which least is missing, of several the first."""
        return min(self.forms, key=lambda form: len(form.missing(root)))


def _with_validation(splits: Mapping[SplitName, Split]) -> Mapping[SplitName, Split]:
    """A part of the training images, chosen by a hash of their ids and with all their rows, becomes the validation split."""
    train = splits["train"]
    chosen = [zlib.crc32(name.encode()) % VALIDATION_PARTS == 0 for name in train.ids]
    rows: dict[bool, list[int]] = {True: [], False: []}
    for row, of_validation in enumerate(chosen):
        rows[of_validation].append(row)
    return {**splits, "train": train.part(rows[False]), "val": train.part(rows[True])}


def _short_hash(about: Sequence[str], splits: Mapping[SplitName, Split], memory: Path | None) -> str:
    """Of the rows of each split and what their images hold. Closed answer sets, counted from the files, are part of it."""
    digest = hashlib.sha256("\n".join(about).encode())
    for name, split in splits.items():
        for texts in (split.ids, split.texts or ()):
            digest.update("\0".join([name, *texts]).encode("utf-8", "surrogatepass"))
        digest.update(split.labels.tobytes())
        if split.credit is not None:
            for part in (split.credit.indptr, split.credit.indices, split.credit.data):
                digest.update(part.tobytes())
    digest.update(contents([split.files for split in splits.values() if split.files is not None], memory))
    return digest.hexdigest()[:8]
