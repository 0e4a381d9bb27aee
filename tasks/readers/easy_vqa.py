"""easy-VQA (Zhou, 2019): questions about a drawn shape, 13 answers.

`answers.txt` has an answer a line; `train/` and `test/` each have `questions.json`, a list of [question, answer, image
number], and `images/<number>.png`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bench.errors import DataError
from tasks.base import Split
from tasks.readers.files import no_duplicates, present, read_json, read_lines


def read_answers(path: Path) -> tuple[str, ...]:
    """The closed set of answers, in the file's order."""
    answers = [line.strip() for line in read_lines(path) if line.strip()]
    no_duplicates(path, "answer", answers)
    return tuple(answers)


def read(folder: Path, answers: tuple[str, ...]) -> Split:
    """`train` or `test`. Raises DataError."""
    path = folder / "questions.json"
    found = read_json(path, list[tuple[str, str, int]])
    numbers = {answer: number for number, answer in enumerate(answers)}
    for row, (_, answer, _) in enumerate(found):
        if answer not in numbers:
            raise DataError(f"{path}, question {row}: unknown answer {answer!r}: add it to answers.txt, or mend the question")
    files = present(folder / "images", [f"{image}.png" for _, _, image in found], path)
    ids = [f"{folder.name}/{image}" for _, _, image in found]
    labels = np.array([numbers[answer] for _, answer, _ in found], np.int64)
    return Split(ids, files.open, labels, [question for question, _, _ in found], files=files)
