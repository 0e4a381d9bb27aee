"""VQA v2 (Goyal et al., CVPR 2017): questions about COCO photographs, each answered by ten people.

`v2_OpenEnded_mscoco_<subset>_questions.json` has `questions`, a list of `question_id`, `image_id` and `question`;
`v2_mscoco_<subset>_annotations.json` has `annotations`, a list of `question_id`, `answers`, `multiple_choice_answer` (the
most frequent one) and `answer_type`. The pictures are `<subset>/COCO_<subset>_<image_id, 12 digits>.jpg`. Answers to the
test questions are not public, so that val2014 is what is tested on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import numpy as np
from scipy.sparse import csr_array

from bench.errors import DataError
from tasks.base import Split
from tasks.readers.files import no_duplicates, present, read_json
from tasks.readers.vqa_answers import normalised, worth

YES_NO = ("yes", "no")


class _Question(msgspec.Struct, gc=False):
    question_id: int
    image_id: int
    question: str


class _Questions(msgspec.Struct):
    questions: list[_Question]


class _Answer(msgspec.Struct, gc=False):
    answer: str


class _Annotation(msgspec.Struct):
    question_id: int
    answers: list[_Answer]
    multiple_choice_answer: str
    answer_type: str


class _Annotations(msgspec.Struct):
    annotations: list[_Annotation]


@dataclass(frozen=True)
class Answered:
    """A question with what the annotators said, made alike."""

    picture: str  # file in the images' folder
    question: str
    most_frequent: str
    given: Counter[str]
    yes_no: bool


def read(questions: Path, annotations: Path, subset: str) -> list[Answered]:
    """All questions of `train2014` or `val2014`. Raises DataError."""
    asked = read_json(questions, _Questions).questions
    no_duplicates(questions, "question_id", (one.question_id for one in asked))
    found = read_json(annotations, _Annotations).annotations
    no_duplicates(annotations, "question_id", (one.question_id for one in found))
    answered = {one.question_id: one for one in found}
    rows = []
    for one in asked:
        said = answered.pop(one.question_id, None)
        if said is None or not said.answers:
            raise DataError(f"{annotations}: question {one.question_id} has no answers: use the two files of the same version")
        rows.append(
            Answered(
                f"{subset}/COCO_{subset}_{one.image_id:012d}.jpg",
                one.question,
                normalised(said.multiple_choice_answer),
                Counter(normalised(each.answer) for each in said.answers),
                said.answer_type == "yes/no",
            )
        )
    if answered:
        raise DataError(f"{questions}: question {next(iter(answered))} is missing: use the two files of the same version")
    return rows


def most_frequent(rows: Sequence[Answered], count: int) -> tuple[str, ...]:
    """The answers that are the most frequent one of the most questions, the most common first; ties by the alphabet."""
    counts = Counter(row.most_frequent for row in rows)
    return tuple(sorted(counts, key=lambda answer: (-counts[answer], answer))[:count])


def split(rows: Sequence[Answered], classes: tuple[str, ...], annotations: Path, images: Path) -> Split:
    """Questions as rows, labelled by their most frequent answer, with each answer's official worth as credit.

    Where that answer is none of the classes, the one of them that most annotators gave; -1 where they gave none.
    Raises DataError if a picture is missing.
    """
    numbers = {answer: number for number, answer in enumerate(classes)}
    labels = np.full(len(rows), -1, np.int64)
    starts, columns, values = [0], list[int](), list[float]()
    for number, row in enumerate(rows):
        inside = {numbers[answer]: count for answer, count in row.given.items() if answer in numbers}
        columns += inside
        values += [worth(count, row.given.total()) for count in inside.values()]
        starts.append(len(columns))
        best = numbers.get(row.most_frequent)
        if best is None and inside:
            best = min(inside, key=lambda answer: (-inside[answer], answer))
        labels[number] = -1 if best is None else best
    credit = csr_array((np.array(values), np.array(columns, np.int64), np.array(starts)), shape=(len(rows), len(classes)))
    names = [row.picture for row in rows]
    files = present(images, names, annotations)
    return Split(names, files.open, labels, [row.question for row in rows], credit, files=files)


def yes_no(rows: Sequence[Answered], annotations: Path, images: Path) -> Split:
    """The questions of answer type "yes/no", right or wrong by the most frequent answer, as XtremeCLIP scores them."""
    whole = split([row for row in rows if row.yes_no], YES_NO, annotations, images)
    return replace(whole.part(np.flatnonzero(whole.labels >= 0).tolist()), credit=None)
