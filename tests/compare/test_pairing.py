"""Cells are paired by what they are, whatever code made them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.compare.pairing import pair_cells
from bench.store.record import CellInfo, Data, Record
from tests.factories import make_cell, make_record
from tests.stores import failed, scored

CELLS = st.builds(
    make_cell,
    task=st.sampled_from(["digits", "tiny"]),
    task_version=st.sampled_from("12"),
    fingerprint=st.sampled_from(["f00d", "beef"]),
    seed=st.integers(1, 2),
    params=st.sampled_from([{"r": 2}, {"r": 4}]),
    method_code=st.sampled_from(["old", "new"]),
    quick=st.booleans(),
)


def run_of(prefix: str, cells: list[CellInfo]) -> list[Record]:
    return [make_record(f"{prefix}{number}", cell, minute=number) for number, cell in enumerate(cells)]


@given(st.lists(CELLS, max_size=8), st.lists(CELLS, max_size=8))
def test_every_cell_of_either_run_is_somewhere_once(a: list[CellInfo], b: list[CellInfo]) -> None:
    found = pair_cells(run_of("a", a), run_of("b", b))
    for cells, sides in (
        (a, [*(p.a for p in found.pairs), *(s.a for s in found.strangers), *found.only_a]),
        (b, [*(p.b for p in found.pairs), *(s.b for s in found.strangers), *found.only_b]),
    ):
        identity = [
            (r.cell.task, r.cell.task_version, r.cell.fingerprint, r.cell.seed, r.cell.params["r"], r.cell.quick) for r in sides
        ]
        assert len(identity) == len(set(identity))
        assert set(identity) == {(c.task, c.task_version, c.fingerprint, c.seed, c.params["r"], c.quick) for c in cells}
    for pair in found.pairs:
        assert all(
            getattr(pair.a.cell, name) == getattr(pair.b.cell, name)
            for name in (
                "method",
                "params",
                "task",
                "task_version",
                "shots",
                "seed",
                "protocol",
                "recipe",
                "precision",
                "quick",
                "fingerprint",
            )
        )


@pytest.mark.parametrize("name", ["method_code", "label", "family", "backbone"])
def test_code_and_names_do_not_part_a_pair(name: str) -> None:
    found = pair_cells([scored(0.5)], [scored(0.6, **{name: "other"})])
    assert len(found.pairs) == 1


def test_a_parameter_that_came_later_does_not_part_a_pair() -> None:
    """With equal labels it is at its default, which keeps what the method did before."""
    found = pair_cells([scored(0.5)], [scored(0.6, params={"r": 2, "chunk": None})])
    assert len(found.pairs) == 1 and not (found.strangers or found.only_a or found.only_b)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"fingerprint": "beef"}, "the backbone's fingerprint is f00d in A and beef in B"),
        ({"task_version": "2"}, "the task's version is 1 in A and 2 in B"),
        ({"params": {"r": 3}, "task_version": "2"}, "the task's version is 1 in A and 2 in B; parameter r is 2 in A and 3 in B"),
    ],
)
def test_cells_that_look_alike_and_are_not_are_listed(change: dict[str, Any], reason: str) -> None:
    found = pair_cells([scored(0.5)], [scored(0.6, **change)])
    assert [strangers.reason for strangers in found.strangers] == [reason]
    assert not (found.pairs or found.only_a or found.only_b)


@pytest.mark.parametrize(
    "change",
    [
        *({"task": "digits"}, {"shots": 1}, {"seed": 2}, {"precision": "bf16"}),
        *({"protocol": "val"}, {"recipe": "paper"}, {"quick": True}, {"method": "coop", "label": "coop"}),
    ],
)
def test_other_cells_are_in_one_run_only(change: dict[str, Any]) -> None:
    found = pair_cells([scored(0.5, "a")], [scored(0.6, "b", **change)])
    assert ([r.record_id for r in found.only_a], [r.record_id for r in found.only_b]) == (["a"], ["b"])
    assert not (found.pairs or found.strangers)


def test_a_pair_in_the_right_version_is_preferred_to_strangers() -> None:
    a = [scored(0.1, "old", task_version="1"), scored(0.2, "new", task_version="2")]
    found = pair_cells(a, [scored(0.3, "b", task_version="2")])
    assert [(pair.a.record_id, pair.b.record_id) for pair in found.pairs] == [("new", "b")]
    assert [record.record_id for record in found.only_a] == ["old"]


def data(support: str, test: str) -> dict[str, Data]:
    return {"data": Data(origin="", classes=2, n_support=4, n_val=0, n_test=4, support_hash=support, test_hash=test)}


@pytest.mark.parametrize(
    ("other", "reason"),
    [(data("x", "t"), "the supports hold other examples"), (data("s", "x"), "the test sets hold other examples")],
)
def test_other_examples_are_nothing_to_compare(other: dict[str, Data], reason: str) -> None:
    ours = scored(0.5, changes=data("s", "t"))
    assert [strangers.reason for strangers in pair_cells([ours], [scored(0.5, changes=other)]).strangers] == [reason]
    assert len(pair_cells([ours], [scored(0.5)]).pairs) == 1  # nothing is known of the other


def test_of_several_attempts_the_one_that_counts_is_paired() -> None:
    b = [scored(0.5, "first", minute=1), scored(0.6, "again", minute=2), failed("late", minute=3)]
    (pair,) = pair_cells([scored(0.5)], b).pairs
    assert pair.b.record_id == "again"


def test_a_failure_of_newer_code_is_not_hidden_by_a_success_of_older_code() -> None:
    b = [scored(0.6, "before", minute=1, method_code="old"), failed("after", minute=2, method_code="new")]
    (pair,) = pair_cells([scored(0.5)], b).pairs
    assert pair.b.record_id == "after" and pair.lost


def test_a_score_that_is_no_number_is_no_score() -> None:
    (pair,) = pair_cells([scored(0.5)], [scored(float("nan"))]).pairs
    assert pair.lost and not pair.scored
