"""What a reader of figures on somebody's data should know of the data, a line each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tasks.own.dealing import called
from tasks.own.roles import Roles
from tasks.own.strings import Strings
from tasks.own.table import DataTable

# Columns that may say which split a row is in, beside those that are taken to: only values that read as splits bear it out.
MAYBE_SPLITS = ("set", "data_set", "dataset", "usage", "phase", "mode", "fold", "part", "stage", "type", "is_train", "train")
TRUTHS = {"0", "1", "true", "false", "yes", "no"}
CHOICES = ("choices", "options", "candidates")  # columns of answers that belong to each question


def remarks(roles: Roles, tables: Sequence[DataTable], texts: Strings | None, images: np.ndarray) -> list[str]:
    """images: [N] the number of each row's image."""
    return [*(note for table in tables for note in table.notes), *_shared(roles, texts, images), *_unused(roles, tables)]


def _shared(roles: Roles, texts: Strings | None, images: np.ndarray) -> list[str]:
    """How many captions are those of several images."""
    if roles.kind != "retrieval" or texts is None:
        return []
    numbers, _ = texts.numbered()
    each = np.unique(np.stack([numbers, images]), axis=1)[0]
    several = int((np.bincount(each)[numbers] > 1).sum())
    return [f"{several} of {len(numbers)} captions belong to several images: only a row's own is right"] if several else []


def _unused(roles: Roles, tables: Sequence[DataTable]) -> list[str]:
    """What can't be said of questions, where the data say it."""
    found = [name for name in tables[0].names if name.lower() in CHOICES]
    if roles.kind != "pair" or not found:
        return []
    return [f"column {found[0]!r} isn't used: all questions share one set of answers, and can't have choices of their own"]


def unused_splits(table: DataTable, roles: Roles) -> list[str]:
    """A line for each column that reads like a split of the data's own where a split is drawn."""
    found = []
    for name in table.names:
        if name.lower() in MAYBE_SPLITS and name not in (roles.image, roles.label, roles.text):
            values = {str(value).lower() for value in table.read([name])[name].unique().to_pylist() if value is not None}
            if values and (all(map(called, values)) or (name.lower() in ("is_train", "train") and values <= TRUTHS)):
                found.append(
                    f"column {name!r} ({', '.join(sorted(values))}) reads like a split, and one is drawn: say split={name}"
                )
    return found
