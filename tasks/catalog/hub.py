"""Data sets of the Hugging Face hub, read through `datasets`; a copy of such a repository in the data root is read as it is.

Two forms are known: tar files in WebDataset form with `classnames.txt` beside them, as the `wds_*` repositories of
clip-benchmark have them, and parquet files whose card names the classes of the label column. Images are decoded when they
are asked for.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
from PIL import Image

from bench.errors import DataError
from tasks.base import Split, SplitName
from tasks.catalog.labelled import (
    Labelled,
    Splits,
    check_labels,
    check_unique,
    counts_error,
    of_split,
    with_validation,
    wrong_counts,
)
from tasks.image_files import Files
from tasks.images import decode_image
from tasks.revision import MAIN, cache_folder, commit, of_commit

LABELS = ("cls", "label")  # columns that hold the number of the class
DATA_FILES = {".tar", ".parquet"}


class OnHub(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A repository. What the set and the repository have in common is said once, in the set."""

    id: str  # owner/name
    revision: str  # a commit's hash where one is known; else a branch, whose commit is asked for when it is read
    form: Literal["webdataset", "parquet"] = "webdataset"
    gigabytes: float | None = None  # of the files that would be downloaded; None where nobody knows
    classes: int | None = None
    sizes: dict[SplitName, int] = {}
    unconfirmed: list[SplitName] = []  # splits whose size no page of the repository confirms; they are not checked

    @property
    def folder(self) -> str:
        """What a copy of the repository is called in the data root."""
        return self.id.rpartition("/")[2]

    @property
    def amount(self) -> str:
        """What a download comes to, and where from."""
        if self.gigabytes is None:
            return f"an unknown amount from {self.id}"
        size = f"{1000 * self.gigabytes:.0f} MB" if self.gigabytes < 1 else f"{self.gigabytes:.3g} GB"
        return f"about {size} from {self.id}"

    @property
    def cached(self) -> bool:
        """Whether data files of the repository were downloaded before; touches no network."""
        snapshots = cache_folder(self.id) / "snapshots"
        folder = snapshots if self.revision == MAIN else snapshots / self.revision
        return any(path.suffix in DATA_FILES for path in folder.rglob("*"))


def data_files(copy: Path) -> Files:
    """Those that a copy of a repository holds."""
    found = (path for path in copy.rglob("*") if path.suffix in DATA_FILES)
    return Files(copy, sorted(path.relative_to(copy).as_posix() for path in found))


def commit_of(hub: OnHub) -> str:
    """The hash of the commit to read. Raises DataError that says why there is none."""
    try:
        return commit(hub.id, hub.revision)
    except Exception as error:  # see class_names
        raise _unreadable(hub, None, error) from error


def class_names(hub: OnHub, copy: Path | None, commit: str) -> tuple[str, ...]:
    """From a commit of the repository, or from its copy. Raises DataError that says why there are none."""
    try:
        return _class_names(hub, copy, commit)
    except Exception as error:  # no network, no such repository, a file that is broken: the libraries raise anything
        raise _unreadable(hub, copy, error) from error


def _class_names(hub: OnHub, copy: Path | None, commit: str) -> tuple[str, ...]:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError
    from huggingface_hub.utils import logging

    logging.set_verbosity_error()  # what it would warn of comes as an error
    path = None if copy is None else copy / "classnames.txt"
    if copy is None:
        try:
            path = Path(hf_hub_download(hub.id, "classnames.txt", repo_type="dataset", revision=commit))
        except LocalEntryNotFoundError:  # no network, which is also an EntryNotFoundError
            raise
        except EntryNotFoundError:
            path = None
    if path is not None and path.exists():
        return tuple(line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip())
    from datasets import load_dataset_builder

    builder = load_dataset_builder(str(copy)) if copy else load_dataset_builder(hub.id, revision=commit)
    features: Any = builder.info.features or {}
    for name in LABELS:
        if getattr(features.get(name), "names", None):
            return tuple(features[name].names)
    raise ValueError(f"neither classnames.txt nor a card that names the classes of a column {' or '.join(LABELS)}")


def _unreadable(hub: OnHub, copy: Path | None, error: Exception) -> DataError:
    from huggingface_hub.errors import LocalEntryNotFoundError

    reason = (str(error).splitlines() or [type(error).__name__])[0]
    if isinstance(error, LocalEntryNotFoundError):
        reason = "no answer, and nothing in the cache"
    if copy is not None:
        return DataError(
            f"{copy} can't be read as a copy of {hub.id} ({reason}): copy the repository again, or remove the folder"
        )
    return DataError(
        f"{hub.id} can't be read from the hub ({reason}): put a copy of the repository into the data root as {hub.folder}/ "
        "(--data-root), or see what 'python -m bench doctor' says of the hub"
    )


@dataclass(frozen=True)
class Repository:
    """The splits of one commit of a repository, or of a copy.

    sizes: rows that must be there, None where any number will do. splits: those that the repository has.
    """

    hub: OnHub
    copy: Path | None
    commit: str
    classes: int
    sizes: Mapping[SplitName, int] | None
    splits: Sequence[SplitName] = ("train", "test")

    def load(self, split: SplitName) -> Split:
        """Raises DataError that says what is wrong with the repository's data."""
        rows, tables = self._loaded
        where = of_split(self.hub.id, rows, split)
        return Split(where.ids, partial(self._image, tables, where.ids), where.labels)

    @cached_property
    def _loaded(self) -> tuple[Splits, Mapping[str, tuple[Any, str, int]]]:
        """Labelled of each split, and for each id the table, the image column and the row that its image is in."""
        where = self.copy or self.hub.id
        found = self._download()
        lacking = [split for split in self.splits if split not in found or not len(found[split])]
        if lacking:
            raise DataError(f"{where}: there is nothing in {lacking[0]}, only in {', '.join(found) or 'no split'}: get it again")
        rows: dict[SplitName, Labelled] = {}
        places: dict[str, tuple[Any, str, int]] = {}
        for split in self.splits:
            table, column, rows[split] = self._rows(split, found[split])
            check_labels(where, rows[split], self.classes)
            places |= {name: (table, column, number) for number, name in enumerate(rows[split].ids)}
        check_unique(where, rows)
        wrong = wrong_counts(rows, self.sizes or {})
        if wrong:
            raise counts_error(where, wrong)
        return with_validation(rows), places

    def _download(self) -> Mapping[str, Any]:
        from datasets import load_dataset

        try:
            if self.hub.form == "parquet":
                if self.copy:
                    return load_dataset(str(self.copy))
                return of_commit(load_dataset(self.hub.id, revision=self.commit), self.commit)
            # Left to itself, the library takes a repository of few tars for a data set of its text files.
            base = str(self.copy) if self.copy else f"hf://datasets/{self.hub.id}@{self.commit}"
            for split in self.splits:
                if self.copy and not any((self.copy / split).glob("*.tar")):
                    raise FileNotFoundError(f"there is no tar in {split}/")
            return load_dataset("webdataset", data_files={split: f"{base}/{split}/*.tar" for split in self.splits})
        except Exception as error:  # see class_names
            raise _unreadable(self.hub, self.copy, error) from error

    def _rows(self, split: SplitName, table: Any) -> tuple[Any, str, Labelled]:
        from datasets import Image as ImageColumn

        columns = [name for name, kind in table.features.items() if isinstance(kind, ImageColumn)]
        labels = [name for name in LABELS if name in table.features]
        if not columns or not labels:
            known = ", ".join(table.features)
            raise DataError(f"{self.copy or self.hub.id}: no column of images, or none of {' or '.join(LABELS)}, among {known}")
        numbers = table.with_format("numpy", columns=[labels[0]])[labels[0]]
        keys = table["__key__"] if "__key__" in table.features else range(len(table))
        rows = Labelled([f"{split}/{key}" for key in keys], np.asarray(numbers[:], np.int64))
        return table.cast_column(columns[0], ImageColumn(decode=False)), columns[0], rows

    def _image(self, places: Mapping[str, tuple[Any, str, int]], ids: Sequence[str], row: int) -> Image.Image:
        table, column, number = places[ids[row]]
        return decode_image(io.BytesIO(table[number][column]["bytes"]), f"{self.copy or self.hub.id}, {ids[row]}")
