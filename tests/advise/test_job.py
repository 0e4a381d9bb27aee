"""Advice on real folders, from the command line and from Python, with few cheap methods."""

from __future__ import annotations

import contextlib
import io
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from bench import api
from bench.advise import read_advice
from bench.advise.page import render
from bench.cli import main
from bench.store.store import Store, cell_key
from tests.cli.test_cli import photographs

MINUTES = 10  # far more than it takes, however busy the machine is: it ends when nothing is left to try
CHEAP = "zero-shot,class-mean-probe,gda"


def bench(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["advise", *arguments])


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return photographs(tmp_path_factory.mktemp("data") / "photos", 12)


@pytest.fixture(scope="module")
def advised(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A results folder, and what the command said."""
    out = tmp_path_factory.mktemp("advised")
    result = bench(f"imagefolder:{photos}", "--methods", CHEAP, "--minutes", str(MINUTES), "--workers", "1", "--out", str(out))
    assert result.exit_code == 0, result.output
    return out, result.output


def test_the_answer_names_a_method_its_score_and_costs(advised: tuple[Path, str]) -> None:
    out, said = advised
    advice = read_advice(out)
    assert advice.recommended.label in CHEAP.split(",") and 0 <= advice.low <= advice.expected <= advice.high <= 1
    assert (advice.examples, advice.of_folds, advice.folds) == (12, 5, 5)
    assert f"use {advice.recommended.label}" in said and "ms per image" in said
    assert advice.labels is not None and [point.examples for point in advice.labels.points] == sorted(
        point.examples for point in advice.labels.points
    )
    assert advice.seconds < 60 * MINUTES
    page = (out / "advice.html").read_text(encoding="utf-8")
    assert page == render(advice) and advice.recommended.label in page and "<script" not in page


def test_val_and_test_images_are_never_looked_at(photos: Path, advised: tuple[Path, str]) -> None:
    """Their predictions are of images of the train split, which is half of all."""
    records = list(Store(advised[0]).read())
    assert {record.cell.split_origin for record in records} == {"a fold of the train split", "scored on what was learnt"}
    held_out = [record.data.n_test for record in records if record.cell.method == "gda" and "part" not in record.cell.task]
    assert sum(held_out) == 12 + 12, "five folds of twelve, and the last fit"


def test_the_three_lines_of_python_score_a_photograph(photos: Path, advised: tuple[Path, str], tmp_path: Path) -> None:
    advice, before, said = read_advice(advised[0]), Path.cwd(), io.StringIO()
    assert len(advice.use) == 3 and advice.adapter == "adapter.safetensors"
    Image.open(next((photos / "red-roses").iterdir())).save(tmp_path / "photo.jpg")
    os.chdir(tmp_path)
    try:
        with contextlib.redirect_stdout(said):
            exec("\n".join(advice.use), {})
    finally:
        os.chdir(before)
    assert said.getvalue().strip() in ("['red roses']", "['blue bells']")


def test_the_same_command_goes_on_where_it_was(photos: Path, advised: tuple[Path, str]) -> None:
    out, before = advised[0], read_advice(advised[0])
    again = api.advise(api.Asked(f"imagefolder:{photos}", out, MINUTES, methods=CHEAP, workers=1))
    scored = [cell_key(record.cell) for record in Store(out).read() if record.status == "ok"]
    assert len(scored) == len(set(scored)), "no cell that has a score is run again"
    assert again.cells < before.cells and again.examples == before.examples and again.adapter == before.adapter


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--minutes", "0"), "--minutes 0: give it 0.5 or more"),
        (("--max-memory", "lots"), "--max-memory 'lots': write a number above 0 and its unit"),
        (("--shots", "0"), "--shots 0: one labelled example per class is the least"),
        (("--backbone", "bundled,bundled"), "name each backbone once"),
        (("--methods", "colp"), "unknown method 'colp'"),
        (("--recipe", "400"), "can't read recipe '400'"),
        (("--shots", "100"), "100 shots need 100"),
    ],
)
def test_what_the_user_must_put_right_is_one_line(photos: Path, tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    result = bench(f"imagefolder:{photos}", "--out", str(tmp_path / "out"), *arguments)
    assert result.exit_code == 2 and said in result.output, result.output
    assert len(result.output.strip().splitlines()) == 1


def test_limits_that_leave_nobody_are_one_line_with_the_reasons(photos: Path, tmp_path: Path) -> None:
    result = bench(f"imagefolder:{photos}", "--methods", "linear-probe", "--max-parameters", "10", "--out", str(tmp_path))
    assert result.exit_code == 2, result.output
    assert (
        "no method is left to advise on" in result.output
        and "linear-probe: trains more than --max-parameters 10" in result.output
    )
    assert len(result.output.strip().splitlines()) == 1


@pytest.mark.parametrize("source", ["scenes-entailment", "scenes-retrieval"])
def test_other_kinds_are_advised_on_too(source: str, tmp_path: Path) -> None:
    asked = api.Asked(source, tmp_path, MINUTES, shots=2, methods="zero-shot,xtremeclip,lilt-bitfit", workers=1, recipe="steps=2")
    advice = api.advise(asked)
    assert advice.recommended.label.partition("[")[0] in ("zero-shot", "xtremeclip", "lilt-bitfit") and advice.adapter
    scorer = api.load(tmp_path / advice.adapter)
    blank = Image.new("RGB", (48, 48))
    assert scorer([blank, blank], ["a red circle", "a blue square"]).shape[0] == 2
