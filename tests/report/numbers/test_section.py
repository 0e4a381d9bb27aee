"""What keeps tables apart, in one list; and how a title words it."""

from __future__ import annotations

from typing import get_args

import pandas as pd
import pytest

from bench.plan.budget import parse_recipe
from bench.report import summarise_records
from bench.report.numbers.frame import to_frame
from bench.report.numbers.section import FLAGS, SECTION, Section, recipe_in_words, short_backbone
from bench.store.record import UNLABELLED, CellInfo
from methods.contract.declared import Sees
from tests.report.factory import make_record


def test_sections_come_from_one_definition() -> None:
    """Its fields are fields of the record's cell and columns of the frame, in its order."""
    assert set(SECTION) <= {*CellInfo.__struct_fields__, "transductive", "board"}  # a property; which a record's parts differ in
    assert FLAGS == ["quick", "random_weights", "aligned", "transductive"]
    frame = to_frame([make_record(backbone="a", quick=True, aligned=False)])
    assert list(frame[SECTION].columns) == SECTION
    (key,) = frame.groupby(SECTION).groups
    assert Section.of(key) == Section("classification", "a", "f00d", "fixed", "capped", "fp32", quick=True, aligned=False)
    assert all(isinstance(getattr(Section.of(key), name), bool) for name in FLAGS)
    assert isinstance(frame, pd.DataFrame) and all(frame[name].dtype == bool for name in FLAGS)


@pytest.mark.parametrize(
    ("recipe", "words"),
    [
        ("tuned", "tuned recipe"),
        ("paper", "paper recipe"),
        ("steps=400", "at most 400 steps"),
        ("tuned,batch=512,chunk=64", "tuned recipe, batch 512, chunk 64"),
        ("steps=400,lr=0.0001", "at most 400 steps, alignment rate 0.0001"),
        ("paper,negatives=64", "paper recipe, negatives among 64 pairs"),
        ("paper,rate=0.3,length=4", "paper recipe, 0.3 times the rates, 4 times the steps"),
    ],
)
def test_a_title_says_the_recipe_in_words(recipe: str, words: str) -> None:
    assert str(parse_recipe(recipe)) == recipe  # as records keep it
    assert recipe_in_words(recipe) == words
    section = Section("classification", "bundled", "f00d", "fixed", recipe, "fp32", quick=False)
    assert section.title == f"Classification: bundled, protocol fixed, {words}, fp32"


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("ViT-B-16/openai", "ViT-B-16/openai"),
        ("hf-hub:timm/some-model", "hf-hub:timm/some-model"),
        ("ViT-B-16//home/me/runs/epoch_5.pt", "ViT-B-16/…/epoch_5.pt"),
        ("local-dir:/home/me/my models/clip", "local-dir:…/clip"),
        ("local-dir:/", "local-dir:/"),
        ("align(image=timm/vit, text=/home/me/mini)", "align(image=timm/vit, text=…/mini)"),
        ("align(image=timm/vit, text=hf/someone/mini, dim=64)", "align(image=timm/vit, text=hf/someone/mini, dim=64)"),
    ],
)
def test_a_title_holds_no_path_of_the_disk(name: str, short: str) -> None:
    assert short_backbone(name) == short
    section = Section("pair", name, "f00d", "fixed", "paper", "fp32", quick=False)
    assert section.title.startswith(f"Pair: {short}")
    notes = summarise_records([make_record(backbone=name)]).tables[0].notes
    assert (f"The backbone in full: {name}." in notes) == (short != name)


def test_what_sees_the_test_images_shares_no_table_with_what_does_not() -> None:
    assert UNLABELLED in get_args(Sees)
    seen = [make_record("lora", sees="class names"), make_record("zlap", sees=f"class names, {UNLABELLED}")]
    tables = summarise_records(seen).tables
    assert [[row.label for row in table.rows] for table in tables] == [["lora"], ["zlap"]]
    assert ["transductive" in table.section.title for table in tables] == [False, True]
