"""Chance and the most frequent class: what a score must beat, and what is known of them in records of earlier versions."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from bench.kinds.metrics import best_constant, classification_metrics
from bench.report import summarise_records
from bench.report.numbers.levels import mean
from bench.report.text.reading import how_to_read
from bench.store.record import Data, Record
from tests.report.factory import make_record


def of_test_set(record: Record, majority: float | None) -> Record:
    assert record.data is not None
    return msgspec.structs.replace(record, data=msgspec.structs.replace(record.data, majority=majority))


@given(st.lists(st.integers(-1, 4), min_size=1))
def test_the_best_constant_is_what_always_giving_one_class_scores(given_labels: list[int]) -> None:
    labels = np.array(given_labels)
    scored = [classification_metrics(np.eye(5)[np.full(len(labels), answer)], labels)["accuracy"].value for answer in range(5)]
    assert best_constant(labels) == pytest.approx(max(scored))


def test_the_best_constant_of_answers_with_credit() -> None:
    credit = csr_array(np.array([[0.3, 1.0], [0.6, 0.0], [0.6, 0.0]]))
    assert best_constant(np.array([1, -1, 0]), credit) == pytest.approx(0.5)


def test_tables_say_what_to_beat_and_who_does_not() -> None:
    records = [
        of_test_set(make_record(method, task, score=score), 0.6)
        for method, score in (("coop", 0.5), ("lora", 0.9))
        for task in "ab"
    ]
    (table,) = summarise_records(records).tables
    assert table.levels.chance == {"a": 0.2, "b": 0.2} and table.levels.majority == {"a": 0.6, "b": 0.6}
    (said,) = [line for line in how_to_read(table) if line.startswith("Guessing")]
    assert said == (
        "Guessing scores 20.0 (a 20.0, b 20.0). Always giving the test set's most frequent class scores 60.0 (a 60.0, b 60.0). "
        "No better than that at 4 shots: coop."
    )


def test_records_that_do_not_know_it_say_nothing() -> None:
    (table,) = summarise_records([make_record()]).tables
    assert table.levels.majority == {} and mean(table.levels.majority, table.tasks) is None
    old = msgspec.json.decode(msgspec.json.encode(make_record().data))
    del old["majority"]
    assert msgspec.convert(old, Data).majority is None
    (retrieval,) = summarise_records([make_record(kind="retrieval")]).tables
    assert retrieval.levels.chance == {}
    assert not any(line.startswith("Guessing") for line in how_to_read(retrieval))
