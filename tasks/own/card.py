"""Cards: what is what in somebody's data, as a TOML file of some ten lines or in brackets behind a path.

card:flowers.toml                          the keys are the fields of `Card`
csv:photos.csv[image=file,label=species]   the same keys, those that take one value
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from bench.errors import DataError, UsageError, unknown
from bench.spec import Named, parse_names
from tasks.base import SplitName

LISTS = ("train", "val", "test", "template", "columns")  # keys that may be given several times in brackets
Share = Annotated[float, msgspec.Meta(gt=0, le=1)]


class Card(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One task of a user's. Paths are relative to the card; what is left out is guessed where only one thing can be meant."""

    data: str | dict[SplitName, str]  # SCHEME:PATH, or one of them per split
    kind: Literal["classification", "pair", "retrieval"] | None = None  # those that a table of examples can be
    image: str | None = None  # column of paths, or of images themselves
    label: str | None = None  # column of class names or numbers
    text: str | None = None  # column of sentences or questions: makes it a pair task
    caption: str | None = None  # column of captions: makes it a retrieval task
    split: str | None = None  # column that says train, val or test
    train: str | list[str] | None = None  # what the data call the split, where they call it otherwise
    val: str | list[str] | None = None
    test: str | list[str] | None = None
    seed: int = 0  # of the split that is drawn where the data have none
    root: str | None = None  # folder that image paths start from; by default that of the table
    columns: list[str] = []  # names of the columns of a table without a header line
    classes: list[str] | dict[str, str] = []  # names by number; or those that may occur; or names by label
    merge: bool = False  # whether labels that differ in case, blanks, _ and - only are one class
    most: Annotated[int, msgspec.Meta(ge=2)] | None = None  # so many of the most frequent labels; other rows are left out
    template: str | list[str] = []  # such as "a photo of a {}, a type of flower."; several for ensembles
    candidate: str | None = None  # pair tasks: how zero-shot joins text and answer, "{text} {answer}"
    name: Annotated[str, msgspec.Meta(pattern=r"^[^,:\[\]\s][^,:\[\]\n]*\Z")] | None = None  # by default that of file or folder
    licence: str = "unknown"
    flip: bool | None = None  # whether a picture keeps its label when left and right are swapped
    white: Annotated[float, msgspec.Meta(gt=0)] | None = None  # of pictures of more than 8 bits: the value that is white
    crop: Share | None = None  # least share of the picture that a crop must keep for its label to hold; 1: no crop
    pairs_per_shot: Annotated[int, msgspec.Meta(ge=1)] = 32  # retrieval
    config: str | None = None  # of a data set on the hub that has several
    revision: str | None = None  # of a data set on the hub: a branch, a tag or a commit's hash; the newest one otherwise

    def __post_init__(self) -> None:
        for template in self.templates:
            if "{}" not in template or not _fills(template, "x"):
                raise ValueError(f"template {template!r} must hold {{}} where the class name goes, and no other braces")
        if self.candidate is not None and not (
            "{text}" in self.candidate and "{answer}" in self.candidate and _fills(self.candidate, text="x", answer="y")
        ):
            raise ValueError(f"candidate {self.candidate!r} must hold {{text}} and {{answer}}, and no other braces")
        names = list(self.classes.values()) if isinstance(self.classes, dict) else self.classes
        twice = [name for name in names if names.count(name) > 1]
        if twice and not self.merge:
            raise ValueError(f"classes names {twice[0]!r} twice")

    @property
    def templates(self) -> tuple[str, ...]:
        return (self.template,) if isinstance(self.template, str) else tuple(self.template)

    def called(self, split: SplitName) -> list[str]:
        """What the data call a split, as far as the card says so."""
        named = {"train": self.train, "val": self.val, "test": self.test}[split]
        return [named] if isinstance(named, str) else named or []


def _fills(template: str, *values: str, **named: str) -> bool:
    try:
        return bool(template.format(*values, **named))
    except (ValueError, IndexError, KeyError, AttributeError):
        return False


def read_card(path: Path) -> Card:
    """Raises DataError that names the file, the key and the remedy."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise DataError(f"{path} can't be read ({reason}): 'python -m bench tasks new NAME DATA' writes a card") from error
    try:
        return _card(msgspec.toml.decode(text), str(path))
    except (msgspec.DecodeError, RecursionError) as error:
        raise DataError(f"{path} is not TOML ({error}): correct it") from error


def typed_card(text: str) -> tuple[Named, Card]:
    """The card of `scheme:PATH[key=value,...]`. Raises UsageError."""
    entries = parse_names(text, "tasks")
    if len(entries) != 1:
        raise UsageError(f"can't read {text!r} as one task: a path with commas or brackets must be given by a card")
    values: dict[str, Any] = {"data": entries[0].name}
    for key, value in entries[0].parameters:
        if key in values and key not in LISTS:
            raise UsageError(f"{text}: {key} {'goes before the brackets' if key == 'data' else 'is given twice'}")
        values[key] = [*values.get(key, []), value] if key in LISTS else value
    return entries[0], _card(values, text, UsageError)


def _card(values: Mapping[str, Any], where: str, kind: type[DataError | UsageError] = DataError) -> Card:
    fields = [field.name for field in msgspec.structs.fields(Card)]
    for key in values:
        if key not in fields:
            raise kind(f"{where}: {unknown('key', key, fields)}")
    try:
        return msgspec.convert(values, Card, strict=kind is DataError)
    except msgspec.ValidationError as error:
        raise kind(f"{where}: {str(error).replace(' - at `$', ': key `').replace('`.', '`')}") from error
