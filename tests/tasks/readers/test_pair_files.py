"""SNLI-VE, NLVR and easy-VQA in their own forms, and what is wrong in them told by file and line."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from bench.errors import DataError
from tasks.readers import easy_vqa, nlvr, snli_ve


def picture(path: Path, colour: tuple[int, int, int] = (200, 30, 30)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (4, 3), colour).save(path)


def lines(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def snli_line(number: int, label: str = "neutral", image: int = 1, **changes: Any) -> dict[str, Any]:
    return {
        **{"annotator_labels": [label], "captionID": f"{image}.jpg#2", "gold_label": label, "pairID": f"{image}.jpg#{number}"},
        **{"sentence1": "A man, a dog.", "sentence2": f"Sentence “{number}”, quoted", "Flickr30K_ID": str(image)},
        **changes,
    }


def snli(folder: Path, rows: Sequence[dict[str, Any]]) -> Path:
    for image in (1, 2):
        picture(folder / "flickr30k-images" / f"{image}.jpg")
    return lines(folder / "snli_ve_dev.jsonl", rows)


def test_snli_ve_gives_hypotheses_beside_images_without_the_pairs_that_nobody_agreed_on(tmp_path: Path) -> None:
    rows = [snli_line(0, "entailment"), snli_line(1, "-"), snli_line(2, "contradiction", image=2), snli_line(3, "neutral")]
    split = snli_ve.read(snli(tmp_path, rows), tmp_path / "flickr30k-images")
    assert list(split.ids) == ["1", "2", "1"]
    assert [snli_ve.CLASSES[label] for label in split.labels] == ["entailment", "contradiction", "neutral"]
    assert split.texts == ["Sentence “0”, quoted", "Sentence “2”, quoted", "Sentence “3”, quoted"]
    assert split.image(1).size == (4, 3)


def without(line: dict[str, Any], key: str, **changes: Any) -> dict[str, Any]:
    return {name: value for name, value in line.items() if name != key} | changes


def test_the_first_release_of_snli_ve_calls_its_images_otherwise(tmp_path: Path) -> None:
    rows = [without(snli_line(row, image=2), "Flickr30K_ID", Flikr30kID=name) for row, name in enumerate(("2", "2.jpg"))]
    assert list(snli_ve.read(snli(tmp_path, rows), tmp_path / "flickr30k-images").ids) == ["2", "2"]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([snli_line(0), snli_line(1, "maybe")], "snli_ve_dev.jsonl, line 2: unknown gold_label 'maybe': use entailment,"),
        ([snli_line(0), snli_line(0)], "snli_ve_dev.jsonl: pairID '1.jpg#0' is there twice"),
        ([snli_line(0, image=9)], r"9.jpg is missing \(1 of 1 image files named in .*snli_ve_dev.jsonl\)"),
        ([{"gold_label": "neutral"}], "snli_ve_dev.jsonl, line 1: not as expected .*sentence2"),
        ([without(snli_line(0), "Flickr30K_ID")], "line 1: not as expected .*neither Flickr30K_ID nor Flikr30kID"),
    ],
)
def test_what_is_wrong_in_snli_ve_is_one_line(tmp_path: Path, rows: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(DataError, match=message) as error:
        snli_ve.read(snli(tmp_path, rows), tmp_path / "flickr30k-images")
    assert "\n" not in str(error.value)


def test_a_broken_line_a_missing_and_an_empty_file_are_named(tmp_path: Path) -> None:
    path = snli(tmp_path, [snli_line(0)])
    path.write_bytes(path.read_bytes() + b"\n" + b'{"gold_label": "neu')
    with pytest.raises(DataError, match=r"snli_ve_dev.jsonl, line 3: not as expected"):
        snli_ve.read(path, tmp_path / "flickr30k-images")
    with pytest.raises(DataError, match=r"none.jsonl can't be read \(No such file"):
        snli_ve.read(tmp_path / "none.jsonl", tmp_path)
    path.write_bytes(b"\n")
    with pytest.raises(DataError, match=r"snli_ve_dev.jsonl is empty"):
        snli_ve.read(path, tmp_path)


def nlvr_line(identifier: str, label: str = "true") -> dict[str, Any]:
    return {
        "sentence": f"There is {identifier}.",
        "label": label,
        "identifier": identifier,
        "directory": "2",
        "evals": {"r1": label},
    }


def nlvr_file(folder: Path, rows: Sequence[dict[str, Any]], leave_out: str = "") -> Path:
    for row in rows:
        for turn in range(6):
            name = f"dev-{row['identifier']}-{turn}.png"
            if name != leave_out:
                picture(folder / "images" / row["directory"] / name, (turn, 0, 0))
    return lines(folder / "dev.json", rows)


def test_each_of_the_six_pictures_of_an_nlvr_statement_is_a_row(tmp_path: Path) -> None:
    split = nlvr.read(nlvr_file(tmp_path, [nlvr_line("12-0"), nlvr_line("12-1", "false")]), tmp_path / "images")
    assert len(split) == 12
    assert split.labels.tolist() == [1] * 6 + [0] * 6
    assert split.ids[7] == "2/dev-12-1-1.png"
    assert split.texts is not None and split.texts[7] == "There is 12-1."
    assert split.image(7).getpixel((0, 0)) == (1, 0, 0)


def test_what_nlvr_presented_together_stays_together_when_one_file_is_dealt(tmp_path: Path) -> None:
    rows = [nlvr_line(f"{presentation}-{turn}") for presentation in range(40) for turn in range(2)]
    whole = nlvr.read(nlvr_file(tmp_path, rows), tmp_path / "images")
    parts = nlvr.deal(whole)
    presentations = {part: {name.split("-")[1] for name in split.ids} for part, split in parts.items()}
    assert sum(len(found) for found in presentations.values()) == 40
    assert sum(len(split) for split in parts.values()) == len(whole)
    assert all(len(split) > 0 for split in parts.values())
    test = parts["test"]
    row = next(row for row, name in enumerate(test.ids) if name.endswith("-3.png"))
    assert test.image(row).getpixel((0, 0)) == (3, 0, 0)


def test_what_is_wrong_in_nlvr_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"dev.json, line 1: unknown label 'yes': use true or false"):
        nlvr.read(nlvr_file(tmp_path, [nlvr_line("1-0", "yes")]), tmp_path / "images")
    with pytest.raises(DataError, match=r"dev.json: identifier '1-0' is there twice"):
        nlvr.read(nlvr_file(tmp_path, [nlvr_line("1-0"), nlvr_line("1-0")]), tmp_path / "images")
    path = nlvr_file(tmp_path, [nlvr_line("7-0")], leave_out="dev-7-0-5.png")
    with pytest.raises(DataError, match=r"images/2/dev-7-0-5.png is missing \(1 of 6 image files"):
        nlvr.read(path, tmp_path / "images")


def easy(folder: Path, questions: object, part: str = "train") -> Path:
    (folder / "answers.txt").write_text("circle\nyes\n")
    for image in (0, 1):
        picture(folder / part / "images" / f"{image}.png")
    (folder / part / "questions.json").write_text(json.dumps(questions))
    return folder / part


def test_easy_vqa_gives_questions_with_answers_of_its_closed_set(tmp_path: Path) -> None:
    folder = easy(tmp_path, [["what shape?", "circle", 1], ["is there a circle?", "yes", 1]])
    answers = easy_vqa.read_answers(tmp_path / "answers.txt")
    split = easy_vqa.read(folder, answers)
    assert answers == ("circle", "yes")
    assert (list(split.ids), split.labels.tolist()) == (["train/1", "train/1"], [0, 1])
    assert split.texts == ["what shape?", "is there a circle?"]
    assert split.image(0).size == (4, 3)


def test_what_is_wrong_in_easy_vqa_is_named(tmp_path: Path) -> None:
    for questions, message in (
        ([["what?", "no", 0]], r"questions.json, question 0: unknown answer 'no': add it to answers.txt"),
        ([["what?", "yes", 5]], r"5.png is missing"),
        ([["what?", "yes"]], r"questions.json is not as expected"),
    ):
        with pytest.raises(DataError, match=message):
            easy_vqa.read(easy(tmp_path, questions), ("circle", "yes"))
    (tmp_path / "answers.txt").write_text("yes\nyes\n")
    with pytest.raises(DataError, match=r"answers.txt: answer 'yes' is there twice"):
        easy_vqa.read_answers(tmp_path / "answers.txt")
