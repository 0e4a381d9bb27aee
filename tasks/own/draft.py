"""Writing the card of data that were only pointed at."""

from __future__ import annotations

import json
import os
from pathlib import Path

import msgspec

from bench.errors import UsageError
from tasks.base import Augmentation, Task
from tasks.own.card import Card, typed_card
from tasks.own.index import Index
from tasks.own.pictures import Filed
from tasks.own.task import READERS, card_index

SCHEME_OF = {".csv": "csv", ".tsv": "csv", ".txt": "csv", ".json": "json", ".jsonl": "json", ".parquet": "parquet"}
MOST_CLASSES = 100  # that are listed in the card to be renamed


def pointed_at(source: str) -> str:
    """`scheme:PATH[...]` for what may be a bare path. Raises UsageError."""
    bare = Path(source.partition("[")[0]).expanduser()
    if source.partition(":")[0] in READERS and not bare.exists():
        return source
    if bare.is_dir():
        inside = {SCHEME_OF.get(file.suffix.lower()) for file in bare.iterdir() if file.is_file()}
        parquet = "hf" if next(bare.rglob("*.parquet"), None) else None
        return f"{parquet or next((scheme for scheme in ('csv', 'json') if scheme in inside), 'imagefolder')}:{source}"
    if bare.suffix.lower() in SCHEME_OF:
        return f"{SCHEME_OF[bare.suffix.lower()]}:{source}"
    known = ", ".join(f"{scheme}:PATH" for scheme in READERS)
    raise UsageError(f"{source}: no such folder, and no table by its ending: give a path that is there, or one of {known}")


def draft(source: str, folder: Path | None) -> tuple[Path, Card]:
    """The folder for a card, and a card with what can be told of the data. Raises UsageError or DataError."""
    named, card = typed_card(pointed_at(source))
    scheme, _, path = named.name.partition(":")
    here = Path(path).expanduser()
    if scheme == "hf" and not here.is_dir():
        return folder or Path(), card
    folder = folder or here.parent
    card = msgspec.structs.replace(card, data=f"{scheme}:{_seen_from(folder, here)}")
    if card.root is not None:
        return folder, msgspec.structs.replace(card, root=_seen_from(folder, Path(card.root)))
    return folder, card


def with_root(card: Card, base: Path) -> tuple[Card, Index]:
    """The card with the folder of the images, where they lie one folder below the table, and the index.

    Raises DataError, also if there is no image at all.
    """
    index = card_index(card, base)
    pictures = index.pictures
    if card.root is None and isinstance(pictures, Filed) and not (pictures.folder / pictures.names[0]).exists():
        below = [each for each in pictures.folder.iterdir() if each.is_dir() and (each / pictures.names[0]).exists()]
        if len(below) == 1:
            card = msgspec.structs.replace(card, root=_seen_from(base, below[0]))
            index = card_index(card, base)
    index.pictures.check()
    return card, index


def _seen_from(folder: Path, path: Path) -> str:
    whole, start = path.expanduser().resolve(), folder.resolve()
    return os.path.relpath(whole, start) if whole.is_relative_to(start) else str(whole)


def card_text(card: Card, index: Index, name: str) -> str:
    """The card as TOML, with everything that is worth changing."""
    kind, roles = index.roles.kind, index.roles
    usual = Augmentation() if kind == "classification" else Augmentation(1.0, False)
    lines = [f"# {name}: what is what in the data; python -m bench run --tasks card:{name}.toml"]
    values = {
        "kind": kind,
        "data": card.data,
        "root": card.root,
        "config": card.config,
        "image": roles.image,
        "label": roles.label,
        "caption" if kind == "retrieval" else "text": roles.text,
        "split": None if index.drawn else card.split or roles.split,
        "train": card.train,
        "val": card.val,
        "test": card.test,
        "seed": card.seed,
        "merge": card.merge or None,
        "most": card.most,
        "template": (card.template or Task.templates[0]) if kind == "classification" else None,
        "candidate": card.candidate,
        "pairs_per_shot": card.pairs_per_shot if kind == "retrieval" else None,
        "licence": card.licence,
        "white": card.white or (index.white and index.white.value),
        "flip": usual.flip if card.flip is None else card.flip,
        "crop": usual.smallest_crop if card.crop is None else card.crop,
    }
    notes = {
        "seed": "of the split, as the data have none" if index.drawn else "of the val split, if the data have none",
        "merge": "labels that differ in case, blanks, _ and - only are one class",
        "most": "so many of the most frequent labels are classes, rows of others are left out",
        "licence": "of the data",
        "white": "the value of pictures of more than 8 bits that is shown white",
        "flip": "whether a picture keeps its label when left and right are swapped",
        "crop": "least share of the picture that a crop must keep for its label to hold; 1: no crop",
    }
    for key, value in values.items():
        if value is not None:
            note = f"  # {notes[key]}" if key in notes else ""
            lines.append(f"{key} = {json.dumps(value, ensure_ascii=False)}{note}")
    if kind == "pair" and card.candidate is None:
        lines.append('# candidate = "{text} {answer}"  # how zero-shot joins question and answer')
    if 0 < len(index.class_names) <= MOST_CLASSES:
        lines += ["", "[classes]  # what each label reads for a text tower"]
        pairs = zip(index.known_labels, index.class_names, strict=True)
        lines += [f"{json.dumps(label, ensure_ascii=False)} = {json.dumps(name, ensure_ascii=False)}" for label, name in pairs]
    return "\n".join(lines) + "\n"
