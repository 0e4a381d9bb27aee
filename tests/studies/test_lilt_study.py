"""The study of LilT's claims: what its probes learn from and are tested on, and what they read."""

from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from bench.backbone import load
from bench.errors import DataError
from studies.lilt.__main__ import main
from studies.lilt.drift import drift
from studies.lilt.subject import BUNDLED
from studies.lilt.texts import NAMES, read_labelled, scene_captions


def test_no_caption_is_in_train_and_test() -> None:
    found = scene_captions()
    assert len(found.texts) == len(found.labels) > found.train
    assert not set(found.texts[: found.train]) & set(found.texts[found.train :])


def test_every_caption_names_its_label_and_both_parts_hold_all_names() -> None:
    found = scene_captions()
    assert all(NAMES[label] in text for text, label in zip(found.texts, found.labels, strict=True))
    assert set(found.labels[: found.train]) == set(found.labels[found.train :]) == set(range(len(NAMES)))


def test_labelled_texts_of_a_file_are_different_ones(tmp_path: Path) -> None:
    path = tmp_path / "questions.csv"
    path.write_text("text,label\nwhere is it,place\nis it red,colour\nwhere is it,place\nNA,place\n")
    found = read_labelled(path)
    assert sorted(found.texts) == ["NA", "is it red", "where is it"]
    assert {text: int(label) for text, label in zip(found.texts, found.labels, strict=True)} == {
        "is it red": 0,
        "where is it": 1,
        "NA": 1,
    }
    assert (found.what, found.train) == ("questions", 2)


@pytest.mark.parametrize("body", ["question,label\na,b\n", "", "\x00"])
def test_another_file_is_one_line_that_names_it(tmp_path: Path, body: str) -> None:
    path = tmp_path / "questions.csv"
    path.write_text(body)
    with pytest.raises(DataError, match=r"questions\.csv.*text.*label"):
        read_labelled(path)


def test_drift_is_the_relative_distance_of_a_stage_norms() -> None:
    before, after = load(BUNDLED.backbone).clip, load(BUNDLED.backbone).clip
    norm = after.text.stages[-1].ln_final
    start = torch.cat([norm.weight, norm.bias])
    with torch.no_grad():
        norm.weight += 0.5
    moved = drift(before, after)
    expected = float((torch.cat([norm.weight, norm.bias]) - start).norm() / start.norm())
    assert moved["text"].pop("final") == pytest.approx(expected)
    assert {value for tower in moved.values() for value in tower.values()} == {0.0}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--backbone", "bundled-unaligned"], "--backbone needs --task"),
        (["--backbone", "bundled-unaligned", "--task", "none"], "unknown task 'none'"),
        (["--backbone", "bundled-unaligned", "--task", "scenes-retrieval", "--image-probes", "sketch"], "unknown task 'sketch'"),
        (["--seeds", "x"], "can't read seeds 'x'"),
    ],
)
def test_wrong_options_are_one_line_before_anything_runs(tmp_path: Path, options: list[str], message: str) -> None:
    ran = CliRunner().invoke(main, [str(tmp_path / "out"), *options])
    assert ran.exit_code == 2 and ran.output.startswith(f"error: {message}") and ran.output.count("\n") == 1
    assert not (tmp_path / "out").exists()
