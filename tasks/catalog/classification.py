"""Public data sets of the kind `classification`. What they are is said in `classification.toml`."""

from __future__ import annotations

import tomllib
from functools import partial
from importlib.resources import files
from pathlib import Path

import msgspec

from bench.errors import DataError
from tasks.base import Augmentation, Entry, Sources, Split, SplitName, Task
from tasks.catalog import coop
from tasks.catalog.coop import OnDisk
from tasks.catalog.hub import OnHub, Repository, class_names, commit_of, data_files
from tasks.catalog.labelled import (
    OTHER_COUNTS,
    Splits,
    counts_error,
    of_split,
    version,
    with_validation,
    wrong_classes,
    wrong_counts,
)
from tasks.contents import contents
from tasks.image_files import Files
from tasks.images import DECODING

READY = "ready in the data root"
FROM_HUB = "the hub's split"
UNCHECKED = "unchecked counts"


class ClassificationSet(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One data set, as the field uses it: on disk in CoOp's layout, else on the hub.

    sizes: rows of each split; a set without `val` there has none of its own, and a fifth of `train` stands in for it. One of
    `test` alone is there to be scored on.
    """

    name: str
    classes: int
    sizes: dict[SplitName, int]
    licence: str
    templates: tuple[str, ...]
    augmentation: Augmentation = Augmentation()
    disk: OnDisk | None = None
    hub: OnHub | None = None

    @property
    def kind(self) -> str:
        return "classification"

    def state(self, sources: Sources) -> str:
        """Begins with "ready" where nothing is missing; else says which folder is, or how much would be downloaded."""
        if self.disk is not None and (folder := sources.folder(self.disk.folder)):
            lacking = self.disk.missing(folder)
            return READY if lacking is None else f"{self.disk.folder}/ lacks {lacking}"
        needs = "" if self.disk is None else f"needs {self.disk.folder}/"
        if self.hub is None:
            return needs
        if sources.folder(self.hub.folder):
            return f"{READY}, {self.hub.folder}/"
        if self.hub.cached:
            return f"ready in the hub's cache, {self.hub.id}"
        return f"{needs}, else downloads {self.hub.amount}" if needs else f"would download {self.hub.amount}"

    def task(self, sources: Sources) -> Task:
        """Raises DataError that names what is missing and the remedy."""
        if self.disk is not None and (folder := sources.folder(self.disk.folder)):
            return self._from_disk(self.disk, folder, sources)
        if self.hub is not None:
            return self._from_hub(self.hub, sources.folder(self.hub.folder), sources)
        root = "--data-root is not given" if sources.data_root is None else f"{sources.data_root} has no such folder"
        raise DataError(f"{self.name} {self.state(sources)} in the data root, and {root}: docs/data.md says where it comes from")

    def _from_disk(self, disk: OnDisk, folder: Path, sources: Sources) -> Task:
        names, splits = coop.read(disk, folder, None if sources.other_counts else self.classes)
        wrong = [*wrong_classes(names, self.classes), *wrong_counts(splits, self.sizes)]
        if wrong and not sources.other_counts:
            raise counts_error(folder / disk.index, wrong)
        splits = with_validation(splits)
        files = [Files(folder / disk.images, rows.ids) for rows in splits.values()]
        whose = f"other counts ({'; '.join(wrong)})" if wrong else "the split that CoOp uses"
        return self._task(
            names,
            version=version([*names, *self.templates], splits, contents(files, sources.memory)),
            load=partial(_load, self.name, folder / disk.images, splits),
            origin=f"{folder.name}, {whose}",
            split_origin=OTHER_COUNTS if wrong else "",
        )

    def _from_hub(self, hub: OnHub, copy: Path | None, sources: Sources) -> Task:
        commit = "" if copy else commit_of(hub)
        held = contents([data_files(copy)], sources.memory) if copy else DECODING  # a commit says what its files hold
        names = class_names(hub, copy, commit)
        wrong = wrong_classes(names, hub.classes or self.classes)
        if wrong and not sources.other_counts:
            raise counts_error(copy or hub.id, wrong)
        sizes = {split: size for split, size in (hub.sizes or self.sizes).items() if split not in hub.unconfirmed}
        splits = tuple(split for split in ("train", "test") if split in self.sizes)
        repository = Repository(hub, copy, commit, len(names), None if sources.other_counts else sizes, splits)
        labels = [*([FROM_HUB] if self.disk is not None else []), *([UNCHECKED] if sources.other_counts else [])]
        return self._task(
            names,
            version=version([*names, *self.templates, hub.id, *([commit] if commit else [])], {}, held),
            load=repository.load,
            origin=f"{hub.id} on the hub, revision {commit}" if commit else f"{hub.id} on the hub, a copy",
            split_origin=", ".join(labels),
        )

    def _task(self, names: tuple[str, ...], **about: object) -> Task:
        return Task(
            name=self.name,
            kind=self.kind,
            class_names=names,
            templates=self.templates,
            licence=self.licence,
            augmentation=self.augmentation,
            **about,  # type: ignore[arg-type]
        )


def _load(name: str, images: Path, splits: Splits, split: SplitName) -> Split:
    rows = of_split(name, splits, split)
    files = Files(images, rows.ids)
    return Split(rows.ids, files.open, rows.labels, files=files)


def _entries() -> tuple[ClassificationSet, ...]:
    text = files("tasks.catalog").joinpath("classification.toml").read_text(encoding="utf-8")
    return tuple(msgspec.convert({"name": name, **entry}, ClassificationSet) for name, entry in tomllib.loads(text).items())


ENTRIES: tuple[Entry, ...] = _entries()
