"""The search: who is tried in which order, who goes on, and that the time is kept, with cells that take no time."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from pathlib import Path

import numpy as np
import pytest

from bench.advise import race as searching
from bench.advise.entrants import Entrant, Fold, Held
from bench.advise.forecast import Forecast
from bench.advise.limits import NO_LIMITS, Limits
from bench.advise.race import CELL_SHARE, LAST, Clock, Search
from bench.kinds.metrics import Metric
from bench.plan.grid import Cell
from bench.spec import Named
from bench.store.record import Bytes, Failure, Record
from tests.advise.entered import cell, entrant, record
from tests.factories import make_record, make_task

TASK = make_task(per_class=10, classes=3)  # 30 images a fold
FOLDS = [Fold(number, f"fold:{number}", TASK) for number in range(1, 6)]


class Timed(Clock):
    """A clock that stands still unless it is moved."""

    now = 0.0

    @property
    def spent(self) -> float:
        return self.now


class Alike(Forecast):
    """Every cell of a label takes its seconds."""

    def __init__(self, seconds: dict[str, float]) -> None:
        self.by_label = seconds

    def take(self, record: Record, entrant: Entrant) -> None: ...

    def seconds(self, cell: Cell, entrant: Entrant, examples: int) -> float:
        return self.by_label.get(cell.info.label, 1.0)


@pytest.fixture(autouse=True)
def scores_in_records(monkeypatch: pytest.MonkeyPatch) -> None:
    def held(found: Record, test: object, out: Path) -> Held:
        score, images = found.metrics["accuracy"].value, tuple(map(str, range(30)))
        return Held(images, np.full(30, score), np.ones(30, int))

    monkeypatch.setattr(searching, "held", held)


def search(
    entrants: Sequence[Entrant],
    seconds: dict[str, float] | None = None,
    whole: float = 1000.0,
    known: dict[Hashable, Record] | None = None,
    limits: Limits = NO_LIMITS,
    variants: Sequence[Entrant] = (),
) -> Search:
    return Search(
        entrants, FOLDS, Alike(seconds or {}), Timed(whole), Path(),
        limits=limits,
        known=(known or {}).get,
        curve=lambda leader: [part(leader, "quarter"), part(leader, "half")],
        variants=lambda leader: [one for one in variants if one.named.name == leader.named.name],
        last_fit=lambda startup, seconds: 5.0,
    )  # fmt: skip


def part(leader: Entrant, size: str) -> Entrant:
    cells = {fold: cell(leader.named.name, fold + (100 if size == "half" else 200)) for fold in leader.cells}
    return Entrant(leader.backbone, leader.named, cells)


def run(of: Search, scores: dict[str, float], **taken: float) -> list[tuple[str, str]]:
    """Every cell has its label's score, and moves the clock by its label's seconds; labels and tasks in the order handed out."""
    order = []
    while (handed := of.next()) is not None:
        label = handed.info.label
        assert isinstance(of.clock, Timed)
        of.clock.now += taken.get(label.replace("-", "_"), 1.0)
        order.append((label, handed.info.task))
        of.finish(record(handed, metrics={"accuracy": Metric(scores.get(label, 0.5))}))
    assert len(of) == 0
    return order


def test_zero_shot_is_first_then_the_cheapest_and_the_better_half_goes_on() -> None:
    names = [f"m{number}" for number in range(8)]
    entrants = [*(entrant(name) for name in names), entrant("zero-shot", family="zero-shot")]
    of = search(entrants, {"m3": 0.1, "m0": 9.0})
    order = run(of, {name: 0.1 * place for place, name in enumerate(names)})
    by_fold = [[label for label, task in order if task == f"tiny-fold-{fold}"] for fold in range(1, 6)]
    assert by_fold[0][:2] == ["zero-shot", "m3"] and by_fold[0][-1] == "m0" and len(by_fold[0]) == 9
    assert set(by_fold[1]) == {"zero-shot", "m7", "m6", "m5", "m4"}
    assert set(by_fold[2]) == set(by_fold[4]) == {"zero-shot", "m7", "m6", "m5"} and LAST == 3
    assert of.compared == [1, 2, 3, 4, 5] and of.leaders()[0].label == "m7"
    assert [task for label, task in order if task not in {f"tiny-fold-{fold}" for fold in range(1, 6)}] == [
        *(f"tiny-fold-{200 + fold}" for fold in range(1, 6)),
        *(f"tiny-fold-{100 + fold}" for fold in range(1, 6)),
    ]


def test_where_time_is_short_fewer_go_on_and_dear_ones_are_left_out_with_the_reason() -> None:
    entrants = [entrant("zero-shot", family="zero-shot"), *(entrant(name) for name in ("a", "b", "c", "d", "e")), entrant("dear")]
    of = search(entrants, {"dear": 30.0, "e": 8.0, "d": 8.0}, whole=100.0)
    order = run(of, {"a": 0.1, "b": 0.2, "c": 0.3, "d": 0.8, "e": 0.9}, d=8.0, e=8.0)
    assert "dear" not in dict(order)
    dear = entrants[-1]
    assert dear.reason.startswith("would take too long a fold: none may take more than 15%") and dear.figure == "about 30 s"
    assert isinstance(of.clock, Timed) and of.clock.now <= 100.0 - 5.0
    assert CELL_SHARE * 100 < 30.0


def test_no_cell_is_handed_out_that_would_not_end_in_time_and_what_runs_over_is_overdue() -> None:
    of = search([entrant("zero-shot", family="zero-shot"), entrant("a")], whole=40.0)
    assert isinstance(of.clock, Timed)
    first = of.next()
    assert first is not None and of.next() is None, "the next stage waits for the first"
    assert not of.overdue(first, 39.0) and of.overdue(first, 41.0)
    of.finish(record(first))
    second = of.next()
    assert second is not None and second.info.label == "a"
    assert not of.overdue(second, CELL_SHARE * 40 - 1) and of.overdue(second, CELL_SHARE * 40 + 1)
    of.clock.now = 41.0
    assert of.overdue(second, 0.1)
    of.finish(record(second))
    assert of.next() is None and len(of) == 0
    assert {one.label for one in of.leaders()} == {"a", "zero-shot"}


def test_if_the_time_ends_within_a_fold_that_fold_counts_for_nobody() -> None:
    entrants = [entrant("zero-shot", family="zero-shot"), *(entrant(name) for name in "abcd")]
    of = search(entrants, whole=60.0)
    assert isinstance(of.clock, Timed)
    while (handed := of.next()) is not None:
        if handed.info.task == "tiny-fold-2" and handed.info.label == "d":
            of.clock.now = 59.0
        of.finish(record(handed, metrics={"accuracy": Metric({"d": 0.9}.get(handed.info.label, 0.5))}))
    assert of.compared == [1] and of.leaders()[0].label == "d"


def test_what_the_store_knows_is_not_run_again_but_what_was_stopped_is() -> None:
    entrants = [entrant("zero-shot", family="zero-shot"), entrant("a"), entrant("b")]
    a, b = (one.cells[1] for one in entrants[1:])
    of = search(entrants, known={a.key: record(a, 0.7), b.key: make_record(cell=b.info, status="timeout")})
    order = run(of, {})
    assert ("a", "tiny-fold-1") not in order and ("b", "tiny-fold-1") in order
    assert entrants[1].held[1].worth.mean() == pytest.approx(0.7)


def test_failures_and_limits_take_methods_out_with_their_reason() -> None:
    entrants = [entrant("zero-shot", family="zero-shot"), entrant("fails"), entrant("large")]
    of = search(entrants, limits=Limits(memory_bytes=2_000_000))
    while (handed := of.next()) is not None:
        found = record(handed)
        if handed.info.label == "fails":
            found = make_record(cell=handed.info, status="failed", error=Failure(phase="fit", type="E", message="no\nmore"))
        if handed.info.label == "large":
            found = record(handed, memory_bytes=Bytes(total=5_000_000))
        of.finish(found)
    assert entrants[1].reason == "failed: no"
    assert entrants[2].reason == "takes more than --max-memory 2 MB" and entrants[2].figure == "5 MB"
    assert [one.label for one in of.leaders()] == ["zero-shot"]


def test_other_values_are_tried_last_and_may_win() -> None:
    other = Entrant("bundled", Named("a", (("lr", "2"),)), {fold: cell("a[lr=2]", fold) for fold in range(1, 6)})
    of = search([entrant("zero-shot", family="zero-shot"), entrant("a")], variants=[other])
    order = run(of, {"a": 0.6, "a[lr=2]": 0.8})
    assert [label for label, _ in order[-5:]] == ["a[lr=2]"] * 5
    assert of.leaders()[0] is other


def test_each_backbone_has_its_share_of_the_first_fold() -> None:
    slow = [entrant(f"s{number}") for number in range(20)]
    quick = entrant("q")
    quick.backbone = "other"
    of = search([*slow, quick], {f"s{number}": 5.0 for number in range(20)}, whole=100.0)
    order = run(of, {}, **{f"s{number}": 5.0 for number in range(20)})
    assert ("q", "tiny-fold-1") in order and 3 <= sum(task == "tiny-fold-1" for _, task in order) < 12


def test_who_had_no_time_at_first_is_tried_if_some_is_left() -> None:
    entrants = [entrant("zero-shot", family="zero-shot"), *(entrant(name) for name in ("a", "b", "c", "slow", "poor"))]
    of = search(entrants, {"slow": 6.0, "poor": 5.6}, whole=200.0)
    assert isinstance(of.clock, Timed)
    tried: dict[str, list[str]] = {"slow": [], "poor": []}
    while (handed := of.next()) is not None:
        tried.setdefault(handed.info.label, []).append(handed.info.task)
        if handed.info.label == "c":
            of.clock.now = max(of.clock.now, 98.0)  # of the first 100, which are for the first fold
        score = {"slow": 0.9, "poor": 0.1}.get(handed.info.label, 0.5)
        of.finish(record(handed, metrics={"accuracy": Metric(score)}))
    assert tried["slow"][:5] == [f"tiny-fold-{fold}" for fold in of.compared] and len(of.compared) == 5
    assert tried["poor"] == ["tiny-fold-1"]
    assert of.leaders()[0].label == "slow"


def test_a_dear_leader_does_not_keep_the_others_from_the_next_folds() -> None:
    entrants = [entrant("zero-shot", family="zero-shot"), *(entrant(name) for name in ("a", "b", "c")), entrant("dear")]
    of = search(entrants, {"dear": 15.0}, whole=100.0)
    run(of, {"dear": 0.9}, dear=15.0)
    assert entrants[-1].reason == "left the race after 1 of 5 folds, as the others would take too long"
    assert entrants[-1].figure == "90.0" and of.compared == [1, 2, 3, 4, 5]
    assert "dear" not in [one.label for one in of.leaders()]


def test_without_learners_zero_shot_is_tried_on_all_folds() -> None:
    one = entrant("zero-shot", family="zero-shot")
    of = search([one, entrant("dear")], {"dear": 400.0})
    assert [label for label, _ in run(of, {})] == ["zero-shot"] * 5
    assert of.compared == [1, 2, 3, 4, 5] and of.learner() is None and of.leaders() == [one]


def test_if_nobody_can_go_on_the_first_fold_counts() -> None:
    entrants = [entrant("zero-shot", family="zero-shot"), entrant("a"), entrant("b")]
    of = search(entrants, {"a": 14.0, "b": 14.0}, whole=100.0)
    run(of, {"b": 0.9}, a=14.0, b=14.0)
    assert of.compared == [1] and of.leaders()[0].label == "b" and not entrants[2].reason


def test_if_the_time_ends_with_zero_shot_alone_it_is_the_answer() -> None:
    one = entrant("zero-shot", family="zero-shot")
    of = search([one, entrant("dear")], {"dear": 400.0}, whole=10.0)
    run(of, {}, zero_shot=11.0)
    assert of.compared == [1] and of.leaders() == [one]
