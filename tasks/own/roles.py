"""Which column is the image, the label, the text: as named, or guessed where only one column can be meant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.errors import DataError, unknown
from tasks.own.card import Card

# Column names that say plainly what the column is, in lower case.
OBVIOUS: Mapping[str, tuple[str, ...]] = {
    "image": (
        *("image", "img", "picture", "photo", "path", "filepath", "image_path", "img_path"),
        *("file", "filename", "file_name", "image_name", "image_file"),
    ),
    "label": ("label", "labels", "class", "class_name", "category", "target", "species", "answer"),
    "text": ("text", "sentence", "question", "statement", "hypothesis"),
    "caption": ("caption", "captions"),
    "split": ("split", "subset", "partition"),
}
NEEDS: Mapping[str, tuple[str, ...]] = {"classification": ("label",), "pair": ("text", "label"), "retrieval": ("caption",)}


@dataclass(frozen=True)
class Roles:
    """The kind, and the columns that it takes."""

    kind: str
    image: str
    label: str | None
    text: str | None  # of captions for retrieval
    split: str | None


def assign(card: Card, names: Sequence[str], where: str) -> Roles:
    """Raises DataError that names the columns there are."""
    named = {role: getattr(card, role) for role in OBVIOUS if getattr(card, role) is not None}
    for role, column in named.items():
        if column not in names:
            raise DataError(f"{where}: {role}: {unknown('column', column, names)}")
    columns = _listed(names)

    def find(role: str) -> str | None:
        if role in named:
            return named[role]
        likely = [name for name in names if name.lower() in OBVIOUS[role] and name not in named.values()]
        if len(likely) > 1:
            raise DataError(f"{where}: {' or '.join(map(repr, likely))} may be the {role}: say which by {role}=COLUMN")
        return likely[0] if likely else None

    def must(role: str) -> str:
        column = find(role)
        if column is None:
            raise DataError(f"{where}: can't tell which column is the {role}: say so by {role}=COLUMN; there are {columns}")
        return column

    kind = card.kind or _kind(named.keys() & {"label", "text", "caption"})
    if kind is None:
        found = {role for role in ("label", "text", "caption") if find(role)}
        kind = next((kind for kind, needed in NEEDS.items() if set(needed) == found), None)
    if kind is None:
        raise DataError(
            f"{where}: can't tell the kind of task from the columns {columns}: say by label=COLUMN which is the class "
            "(classification), text=COLUMN with label=COLUMN (pair), or caption=COLUMN (retrieval)"
        )
    label, text = (must(role) if role in NEEDS[kind] else None for role in ("label", "text"))
    return Roles(kind, must("image"), label, must("caption") if kind == "retrieval" else text, find("split"))


def _kind(named: set[str]) -> str | None:
    """The kind that columns named on purpose speak for."""
    if "caption" in named:
        return "retrieval"
    if "text" in named:
        return "pair"
    return "classification" if "label" in named else None


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")
