"""What each key depends on: a change of any of these is another key, and nothing else is.

Where a key is blind to something, scores or banked rows of the one are taken for the other's in silence.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bench.features.bank import Shelf
from bench.store.record import CellInfo
from bench.store.store import cell_key
from tasks.base import Sources
from tasks.find import find_task
from tests.factories import make_cell
from tests.tasks.own.makers import draw, png, write

# Fields of a cell that are words for what others say: the name of the parameters, the family of the method, the backbone's name.
WORDS = {"label", "family", "backbone", "sees"}
OTHER: Mapping[type, Any] = {str: "other", int: 77, bool: True, dict: {"r": 77}}


def other(value: Any) -> Any:
    return not value if isinstance(value, bool) else OTHER[type(value)]


@pytest.mark.parametrize("field", [field.name for field in msgspec.structs.fields(CellInfo)])
def test_a_cell_is_all_of_its_fields_but_the_words(field: str) -> None:
    cell = make_cell()
    changed = {
        "kind": "retrieval", "protocol": "val", "recipe": "paper",
    }.get(field, other(getattr(cell, field)))  # fmt: skip
    same = cell_key(msgspec.structs.replace(cell, **{field: changed})) == cell_key(cell)
    assert same == (field in WORDS)


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(Shelf)])
def test_a_shelf_is_all_of_its_fields(field: str) -> None:
    shelf = Shelf("f00d", "tiny", "1", "48 px", "image", 2)
    assert dataclasses.replace(shelf, **{field: other(getattr(shelf, field))}).folder != shelf.folder


CHANGES = {
    "an image of the same size": lambda folder: (folder / "003.png").write_bytes(png(99)),
    "a label": lambda folder: edit(folder, "cat,one 0", "dog,one 0"),
    "a text": lambda folder: edit(folder, "one 0", "two 0"),
    "the order of rows": lambda folder: reverse(folder),
    "an image that goes": lambda folder: (folder / "003.png").unlink(),
}


def edit(folder: Path, old: str, new: str) -> None:
    path = folder / "t.csv"
    text = path.read_text().replace('"', "")
    assert old in text
    path.write_text(text.replace(old, new, 1))


def reverse(folder: Path) -> None:
    head, *rows = (folder / "t.csv").read_text().splitlines()
    (folder / "t.csv").write_text("\n".join([head, *rows[::-1]]) + "\n")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    texts = [f"one {row}" for row in range(20)]
    write(tmp_path / "t.csv", {"image": draw(tmp_path, 20), "label": ["cat", "dog"] * 10, "text": texts})
    return tmp_path


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("remembered", [False, True])
def test_a_version_is_all_that_the_data_are(folder: Path, change: str, remembered: bool) -> None:
    sources = Sources(memory=folder / "memory" if remembered else None)
    before = find_task(f"csv:{folder / 't.csv'}", sources).version
    assert find_task(f"csv:{folder / 't.csv'}", sources).version == before
    CHANGES[change](folder)
    assert find_task(f"csv:{folder / 't.csv'}", sources).version != before


SAID = ["seed=1", "merge=true", "template=a {}", "crop=0.5", "flip=true", "white=7", "candidate={text} {answer}"]


@pytest.mark.parametrize("key", SAID)
def test_a_version_is_what_the_card_says_as_far_as_it_changes_what_a_model_sees(folder: Path, key: str) -> None:
    changed = find_task(f"csv:{folder / 't.csv'}[{key}]").version != find_task(f"csv:{folder / 't.csv'}").version
    assert changed == (key != "merge=true")  # of labels of which none read alike
