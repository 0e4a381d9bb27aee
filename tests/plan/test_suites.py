"""Suites: what the files say, and what is told where data lack."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.errors import UsageError
from bench.plan.budget import parse_recipe
from bench.plan.evaluation import parse_evaluation
from bench.plan.registry import find_methods
from bench.plan.resolve import resolve_methods
from bench.plan.suites import HERE, check_data, load_suite, missing, suite_names
from bench.spec import parse_numbers, parse_shots
from tasks.base import NO_SOURCES, Sources
from tasks.catalog import ENTRIES
from tasks.find import task_groups


@pytest.mark.parametrize("name", suite_names())
def test_every_file_is_one_that_a_run_understands(name: str) -> None:
    suite = load_suite(name)
    known = {*ENTRIES, *task_groups()["bundled"]}
    assert set(suite.needed) <= known and suite.about
    assert resolve_methods(suite.methods, find_methods())
    assert parse_numbers(suite.seeds, "seeds") and any(parse_shots(suite.shots))
    parse_recipe(suite.recipe)
    parse_evaluation(suite.option("evaluate"))


def test_the_fields_tables_are_there() -> None:
    assert set(suite_names()) >= {"coop11", "base-to-new", "cross-dataset", "domain-shift", "vtab", "vlu", "lilt", "bundled"}
    eleven = load_suite("coop11").tasks
    assert len(eleven) == 11 and load_suite("base-to-new").tasks == eleven
    cross = load_suite("cross-dataset")
    assert {*cross.tasks, *cross.needed} == set(eleven)
    assert len(load_suite("vtab").tasks) == 19


def test_a_copy_is_a_suite_too(tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text((HERE / "bundled.toml").read_text().replace('shots = "16"', 'shots = "2"'))
    assert load_suite(str(mine)).shots == "2"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("about = 1", "Expected `str`, got `int`"),
        ('about = "x"\ntasks = ["sketches"]\nshots = "1"\nmethod = "full"', "unknown field `method`"),
        ("about =", "not a suite"),
        (None, "no such file"),
    ],
)
def test_what_is_no_suite_is_told_in_one_line(tmp_path: Path, text: str | None, said: str) -> None:
    path = tmp_path / "mine.toml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(UsageError, match=said) as error:
        load_suite(str(path))
    assert str(path) in str(error.value) and "\n" not in str(error.value)


def test_an_unknown_name_is_told_the_nearest() -> None:
    with pytest.raises(UsageError, match="unknown suite 'coop': did you mean coop11"):
        load_suite("coop")


def test_what_lacks_is_named_and_what_can_run(tmp_path: Path) -> None:
    suite = load_suite("coop11")
    assert missing(suite, NO_SOURCES) == {"ucf101": "needs ucf101/"}  # all others would be downloaded
    with pytest.raises(UsageError, match="suite coop11 lacks data: ucf101: needs ucf101/") as error:
        check_data("coop11", suite, Sources(tmp_path))
    assert "the rest can run: --suite coop11 --tasks imagenet,caltech101," in str(error.value)
    with pytest.raises(UsageError, match="none of its tasks can run"):
        check_data("vlu", load_suite("vlu"), NO_SOURCES)
    check_data("bundled", load_suite("bundled"), NO_SOURCES)
