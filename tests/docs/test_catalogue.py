"""docs/extending/catalogue.md does what it says: its entry and its readers load miniatures of the sets that they are for."""

from __future__ import annotations

import dataclasses
import json
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from PIL import Image

from bench.errors import DataError
from tasks.base import Augmentation, Entry, Sources
from tasks.catalog.annotated import Annotated
from tasks.catalog.classification import ClassificationSet
from tests.docs.pages import EXTENDING, blocks, code
from tests.tasks.catalog.miniature import write_layout

PAGE = EXTENDING / "catalogue.md"


@pytest.fixture(scope="module")
def page() -> dict[str, Any]:
    return code(PAGE)


def pictures(folder: Path, names: list[str]) -> None:
    folder.mkdir(parents=True)
    for name in names:
        Image.new("RGB", (4, 4)).save(folder / name)


def test_a_classification_entry_loads_what_lies_in_its_layout(tmp_path: Path) -> None:
    ((name, entry),) = tomllib.loads("".join(blocks(PAGE, "toml"))).items()
    signs = msgspec.convert({"name": name, **entry}, ClassificationSet)
    assert isinstance(signs, ClassificationSet) and signs.disk is not None
    assert signs.state(Sources(tmp_path)) == "needs street_signs/"
    write_layout(tmp_path, signs.disk, ("stop", "give_way", "one-way"))
    task = signs.task(Sources(tmp_path))
    assert task.class_texts()[1] == "a photo of a give way sign."
    assert (len(task.train), len(task.val), len(task.test)) == tuple(signs.sizes.values())
    assert task.augmentation == Augmentation(0.5, False)


def test_a_pair_set_comes_in_by_reader_and_entry(page: dict[str, Any], tmp_path: Path) -> None:
    claims: Entry = page["CLAIMS"]
    assert claims.state(Sources(tmp_path)) == "needs claims/train.json and 2 more"
    rows = {"train": 40, "test": 4}
    pictures(tmp_path / "claims" / "pictures", [f"{split}{row}.png" for split in rows for row in range(rows[split])])
    for split, count in rows.items():
        found = [[f"{split}{row}.png", f"claim {row}", ("no", "yes")[row % 2]] for row in range(count)]
        (tmp_path / "claims" / f"{split}.json").write_text(json.dumps(found))
    task = claims.task(Sources(tmp_path))
    assert len(task.train) + len(task.val) == 40 and len(task.val) > 0
    np.testing.assert_array_equal(task.test.labels, [0, 1, 0, 1])
    assert task.test.texts == ["claim 0", "claim 1", "claim 2", "claim 3"] and task.test.image(3).size == (4, 4)
    assert task.candidates("it rains") == ["it rains no", "it rains yes"]
    (tmp_path / "claims" / "test.json").write_text('[["test0.png", "claim", "perhaps"]]')
    with pytest.raises(DataError, match=r"test.json, row 0: unknown answer 'perhaps': write yes or no"):
        claims.task(Sources(tmp_path))


def test_a_retrieval_set_comes_in_by_reader_and_entry(page: dict[str, Any], tmp_path: Path) -> None:
    captions: Annotated = page["CAPTIONS"]
    rows = {"train": 40, "test": 4}
    pictures(tmp_path / "captions" / "images", [f"{split}{row}.png" for split in rows for row in range(rows[split] // 2)])
    for split, count in rows.items():
        lines = [f"{split}{row // 2}.png\tcaption {row}\n" for row in range(count)]
        (tmp_path / "captions" / f"{split}.tsv").write_text("".join(lines))
    task = captions.task(Sources(tmp_path))
    assert list(task.test.ids) == ["test0.png", "test0.png", "test1.png", "test1.png"]
    assert set(task.test.labels) == {-1} and task.shot_unit == 32
    assert set(task.train.ids).isdisjoint(task.val.ids)
    other = dataclasses.replace(captions.forms[0], sizes={"train": 40, "test": 5})
    with pytest.raises(DataError, match=r"4 test, 5 expected"):
        dataclasses.replace(captions, forms=(other,)).task(Sources(tmp_path))
