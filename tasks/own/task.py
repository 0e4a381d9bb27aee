"""From a user's data to a task."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path

from bench.errors import DataError, unknown
from tasks.base import Augmentation, Task
from tasks.own.card import Card, read_card, typed_card
from tasks.own.dealing import SPLITS
from tasks.own.delimited import read_csv
from tasks.own.folder import folder_tables
from tasks.own.hub import commit_read, hub_tables, stored_parquet
from tasks.own.index import Index, read_index
from tasks.own.table import Tables, place, read_json, read_parquet, tables_of

WHOLE = Augmentation(smallest_crop=1.0, flip=False)  # a crop may lose what a sentence is about, a flip turns left to right


READERS: Mapping[str, Callable[[str, Path, Card], Tables]] = {
    "imagefolder": lambda path, base, card: folder_tables(
        place(base, path), [name for split in SPLITS for name in card.called(split)]
    ),
    "csv": lambda path, base, card: tables_of(
        place(base, path), (".csv", ".tsv", ".txt"), lambda file: read_csv(file, card.columns)
    ),
    "json": lambda path, base, card: tables_of(place(base, path), (".json", ".jsonl"), read_json),
    "parquet": lambda path, base, card: (
        hub_tables(path, base, card.config, card.revision)  # a folder: shards and splits are told by their names as on the hub
        if place(base, path).is_dir()
        else {"": read_parquet(place(base, path), stored_parquet)}
    ),
    "hf": lambda path, base, card: hub_tables(path, base, card.config, card.revision),
}


def typed_task(text: str, memory: Path | None = None) -> Task:
    """The task of `scheme:PATH[key=value,...]`. Raises UsageError or DataError."""
    named, card = typed_card(text)
    return own_task(card, Path(), _short(named.name, Path()), memory)


def card_task(path: Path, memory: Path | None = None) -> Task:
    """The task of a card. Raises DataError."""
    return own_task(read_card(path), path.parent, f"card:{path.stem}", memory)


def own_task(card: Card, base: Path, name: str, memory: Path | None = None) -> Task:
    """The task that a card describes; its paths start from the folder `base`. Raises DataError that names file and remedy."""
    index = card_index(card, base)
    kind = index.roles.kind
    usual = Augmentation() if kind == "classification" else WHOLE
    augmentation = Augmentation(
        usual.smallest_crop if card.crop is None else card.crop, usual.flip if card.flip is None else card.flip
    )
    data = [card.data] if isinstance(card.data, str) else list(card.data.values())
    return Task(
        name=card.name or name,
        kind=kind,
        version=_version(index, card, augmentation, memory),
        class_names=index.class_names,
        load=index.load,
        templates=card.templates or Task.templates,
        licence=card.licence,
        origin=f"{', '.join(_read_from(each, card, base) for each in data)}, {'seeded' if index.drawn else 'its own'} split",
        augmentation=augmentation,
        candidate=card.candidate,
        white=None if index.white is None else index.white.value,
        notes=index.notes,
        shot_unit=card.pairs_per_shot if kind == "retrieval" else 1,
    )


def card_index(card: Card, base: Path) -> Index:
    """The rows of a card's data. Raises DataError."""
    if isinstance(card.data, str):
        tables = _tables(card.data, card, base)
    else:
        tables = {}
        for split, data in card.data.items():
            found = _tables(data, card, base)
            if len(found) > 1:
                raise DataError(f"{data} has splits of its own and can't be the {split} split: name it as data for all")
            tables[split] = next(iter(found.values()))
    return read_index(tables, card, None if card.root is None else place(base, card.root))


def _tables(data: str, card: Card, base: Path) -> Tables:
    scheme, _, path = data.partition(":")
    if scheme not in READERS or not path:
        raise DataError(f"data {data!r}: {unknown('source', scheme, [f'{each}:PATH' for each in READERS])}")
    return READERS[scheme](path, base, card)


def _short(data: str, base: Path) -> str:
    """A data set's name without the folder it lies in, as records must not change when the data are moved."""
    scheme, _, path = data.partition(":")
    return data if _on_hub(data, base) else f"{scheme}:{place(base, path).resolve().name}"


def _read_from(data: str, card: Card, base: Path) -> str:
    """What was read, in a record's words: of a repository, which commit."""
    if not _on_hub(data, base):
        return _short(data, base)
    return f"{data} revision {commit_read(data.partition(':')[2], card.revision)}"


def _on_hub(data: str, base: Path) -> bool:
    scheme, _, path = data.partition(":")
    return scheme == "hf" and not place(base, path).is_dir()


def _version(index: Index, card: Card, augmentation: Augmentation, memory: Path | None) -> str:
    """A short hash of what the rows are, how they are put to a model, and what the images hold.

    Raises DataError if there are none of the images.
    """
    index.pictures.check()
    about = [index.roles.kind, index.class_names, card.templates, card.candidate, card.pairs_per_shot, card.white]
    digest = hashlib.sha256(json.dumps([*about, augmentation.smallest_crop, augmentation.flip]).encode())
    for values in (index.parts.tobytes(), index.labels.tobytes(), index.pictures.contents(memory)):
        digest.update(values)
    for texts in (index.pictures.names, index.texts or ()):
        digest.update("\0".join(texts).encode())
    return digest.hexdigest()[:12]
