"""VQA's answers compared as officially, and its two JSON files read as questions with labels and credit."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from bench.errors import DataError
from tasks.readers import vqa_v2
from tasks.readers.vqa_answers import normalised, worth


@pytest.mark.parametrize(
    ("answer", "alike"),
    [
        ("Yes", "yes"),
        ("a red  Bus.", "red bus"),
        ("the man", "man"),
        ("An apple", "apple"),
        ("two", "2"),
        ("none", "0"),
        ("dont know", "don't know"),
        ("girl's", "girl's"),
        ("2:50 pm", "2:50 pm"),
        ("100,978", "100978"),
        ("red, white", "red white"),
        ("3.5", "3.5"),
        ("mr. smith", "mr smith"),
        ("black-and-white", "black and white"),
        ("50%", "50%"),
        ("were", "were"),
        ("", ""),
    ],
)
def test_answers_are_made_alike_as_the_evaluation_says(answer: str, alike: str) -> None:
    assert normalised(answer) == alike
    assert normalised(alike) == alike


def plain_worth(answers: list[str], answer: str) -> float:
    """Each annotator left out in turn."""
    scores = []
    for left_out in range(len(answers)):
        others = answers[:left_out] + answers[left_out + 1 :]
        scores.append(min(1.0, others.count(answer) / 3))
    return sum(scores) / len(scores)


@given(st.lists(st.sampled_from("ab"), min_size=1, max_size=12))
def test_an_answers_worth_is_the_mean_over_annotators_left_out(answers: list[str]) -> None:
    assert worth(answers.count("a"), len(answers)) == pytest.approx(plain_worth(answers, "a"))


def test_the_worths_of_ten_annotators() -> None:
    assert [round(worth(given), 9) for given in range(6)] == [0, 0.3, 0.6, 0.9, 1, 1]


def answers(*given: str) -> list[dict[str, Any]]:
    padded = [*given, *(f"other {number}" for number in range(10 - len(given)))]
    return [{"answer": answer, "answer_confidence": "yes", "answer_id": number} for number, answer in enumerate(padded, 1)]


def files(
    folder: Path, annotated: dict[int, tuple[str, str, list[dict[str, Any]]]], asked: list[int] | None = None
) -> tuple[Path, Path]:
    """Question id -> most frequent answer, answer type, answers; question q is about image q // 10."""
    questions, annotations = folder / "questions.json", folder / "annotations.json"
    asked = list(annotated) if asked is None else asked
    questions.write_text(
        json.dumps({"questions": [{"question_id": q, "image_id": q // 10, "question": f"what {q}?"} for q in asked]})
    )
    rows = [
        {"question_id": q, "image_id": q // 10, "multiple_choice_answer": most, "answer_type": kind, "answers": given}
        for q, (most, kind, given) in annotated.items()
    ]
    annotations.write_text(json.dumps({"annotations": rows, "data_subtype": "val2014"}))
    for q in asked:
        path = folder / "val2014" / f"COCO_val2014_{q // 10:012d}.jpg"
        path.parent.mkdir(exist_ok=True)
        Image.new("RGB", (4, 3)).save(path)
    return questions, annotations


ANNOTATED = {
    10: ("yes", "yes/no", answers(*["yes"] * 7, *["No."] * 3)),
    11: ("two", "number", answers(*["two"] * 2, "2", *["3"] * 2)),
    12: ("no", "yes/no", answers(*["no"] * 10)),
    20: ("a zebra", "other", answers(*["a zebra"] * 4, "2")),
    21: ("unheard of", "other", answers("unheard of")),
}


def test_questions_have_their_most_frequent_answer_as_label_and_every_answers_worth_as_credit(tmp_path: Path) -> None:
    questions, annotations = files(tmp_path, ANNOTATED)
    rows = vqa_v2.read(questions, annotations, "val2014")
    classes = ("yes", "2", "no")
    split = vqa_v2.split(rows, classes, annotations, tmp_path)
    assert split.texts == [f"what {q}?" for q in ANNOTATED]
    assert split.ids[3] == "val2014/COCO_val2014_000000000002.jpg"
    assert split.labels.tolist() == [0, 1, 2, 1, -1]  # the zebra is no class, but one annotator said 2
    assert split.credit is not None
    found = split.credit.toarray()
    for number, (_, _, said) in enumerate(ANNOTATED.values()):
        alike = [normalised(one["answer"]) for one in said]
        assert found[number] == pytest.approx([plain_worth(alike, answer) for answer in classes])
    assert split.image(4).size == (4, 3)


def test_the_closed_set_holds_the_commonest_answers_ties_by_the_alphabet(tmp_path: Path) -> None:
    rows = vqa_v2.read(*files(tmp_path, {**ANNOTATED, 30: ("No", "yes/no", answers("no"))}), "val2014")
    assert vqa_v2.most_frequent(rows, 3) == ("no", "2", "unheard of")


def test_yes_no_takes_the_questions_of_that_type_right_or_wrong(tmp_path: Path) -> None:
    questions, annotations = files(tmp_path, ANNOTATED)
    split = vqa_v2.yes_no(vqa_v2.read(questions, annotations, "val2014"), annotations, tmp_path)
    assert (split.texts, split.labels.tolist(), split.credit) == (["what 10?", "what 12?"], [0, 1], None)


def test_what_is_wrong_in_vqas_files_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"annotations.json: question 99 has no answers"):
        vqa_v2.read(*files(tmp_path, ANNOTATED, asked=[*ANNOTATED, 99]), "val2014")
    with pytest.raises(DataError, match=r"questions.json: question 21 is missing"):
        vqa_v2.read(*files(tmp_path, ANNOTATED, asked=[10, 11, 12, 20]), "val2014")
    with pytest.raises(DataError, match=r"questions.json: question_id 10 is there twice"):
        vqa_v2.read(*files(tmp_path, ANNOTATED, asked=[*ANNOTATED, 10]), "val2014")
    questions, annotations = files(tmp_path, ANNOTATED)
    rows = vqa_v2.read(questions, annotations, "val2014")
    (tmp_path / rows[0].picture).unlink()
    with pytest.raises(DataError, match=r"COCO_val2014_000000000001.jpg is missing \(1 of 2 image files"):
        vqa_v2.split(rows, ("yes",), annotations, tmp_path)
    annotations.write_text("[")
    with pytest.raises(DataError, match=r"annotations.json is not as expected"):
        vqa_v2.read(questions, annotations, "val2014")


def test_the_same_words_given_twice_count_together() -> None:
    assert Counter(map(normalised, ["Two", "2", "two."])) == {"2": 3}
