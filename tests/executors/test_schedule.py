"""Which cell comes next, whose it is, and how cells are dealt to jobs."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from bench.executors.durations import FAMILY_S, Durations
from bench.executors.schedule import Group, Schedule
from bench.plan.grid import Cell
from bench.spec import Named
from bench.store.following import Follower
from bench.store.record import Record, Seconds
from bench.store.store import Store, cell_key
from tests.factories import make_cell, make_record


def cell(task: str = "a", seed: int = 1, family: str = "head", shots: int = 4) -> Cell:
    info = make_cell(method=family, label=family, family=family, task=task, seed=seed, shots=shots)
    return Cell(info, Named(family), task)


class OthersClaims:
    """Claims of which others hold some."""

    def __init__(self, *held: Cell) -> None:
        self.held = {cell_key(cell.info) for cell in held}
        self.ours: set[object] = set()

    def take(self, key: object) -> bool:
        if key in self.held:
            return False
        self.ours.add(key)
        return True

    def release(self, key: object) -> None:
        self.ours.discard(key)


def order(schedule: Schedule, group: Group | None = None) -> list[Cell]:
    """What one worker gets, one cell after another."""
    got = []
    while (cell := schedule.next(group)) is not None:
        group = (cell.info.backbone, cell.task_source)
        got.append(cell)
    return got


def test_a_worker_stays_at_its_task_and_takes_the_longest_first() -> None:
    cells = [cell("a", 1), cell("b", 1), cell("a", 2, "full"), cell("b", 2, "zero-shot"), cell("b", 3), cell("a", 3, shots=16)]
    assert order(Schedule(cells)) == [cells[2], cells[5], cells[0], cells[1], cells[4], cells[3]]


def test_workers_spread_over_tasks_the_longest_task_first() -> None:
    cells = [cell("short", 1), cell("long", 1, "full"), cell("long", 2, "full")]
    schedule = Schedule(cells)
    first = schedule.next()
    assert first is not None and first.task_source == "long"
    second = schedule.next(None, {("bundled", "long")})
    assert second is not None and second.task_source == "short"
    assert schedule.next(("bundled", "short"), {("bundled", "long")}) is cells[2]
    assert schedule.next() is None and len(schedule) == 0


def test_cells_of_another_run_are_left_to_it_and_taken_over_if_it_gives_up() -> None:
    theirs, ours = cell(seed=1), cell(seed=2)
    claims = OthersClaims(theirs)
    schedule = Schedule([theirs, ours], claims=claims)  # type: ignore[arg-type]
    assert schedule.next() is ours
    assert schedule.next() is None and len(schedule) == 1
    claims.held.clear()
    assert schedule.next() is theirs and len(schedule) == 0
    schedule.finish(make_record(cell=theirs.info))
    assert claims.ours == {cell_key(ours.info)}


def test_what_another_run_has_recorded_meanwhile_is_not_run_again(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.prepare()
    store.append(make_record("before", cell(seed=2).info))
    found: list[Record] = []
    claims = OthersClaims()
    schedule = Schedule([cell(seed=1), cell(seed=2)], None, claims, Follower(store), found.append)  # type: ignore[arg-type]
    store.append(make_record("theirs", cell(seed=1).info))
    assert [one.info.seed for one in order(schedule)] == [2]  # asked for again, as with --resume always
    assert [record.record_id for record in found] == ["theirs"]
    assert claims.ours == {cell_key(cell(seed=2).info)}


def test_a_drained_schedule_hands_out_nothing() -> None:
    schedule = Schedule([cell()])
    schedule.drain()
    assert schedule.next() is None and len(schedule) == 0 and not schedule.stopped
    schedule.stop()
    assert schedule.stopped


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(sorted(FAMILY_S))), max_size=30), st.integers(1, 12))
def test_portions_are_all_cells_once_each_of_one_task(picked: list[tuple[str, str]], count: int) -> None:
    cells = [cell(task, seed, family) for seed, (task, family) in enumerate(picked)]
    schedule = Schedule(cells)
    portions = schedule.portions(count)
    assert sorted(one.info.seed for portion in portions for one in portion) == list(range(len(cells)))
    assert all(len({one.task_source for one in portion}) == 1 for portion in portions)
    assert len(portions) <= count + len({task for task, _ in picked})
    assert len(schedule) == 0


def test_estimates_come_from_the_records_that_are_most_alike() -> None:
    def recorded(seconds: float, **changes: object) -> Record:
        return make_record(cell=make_cell(**changes), time_s=Seconds(fit=seconds, bank=100.0, total=100.0 + seconds))

    durations = Durations([recorded(5.0, shots=4), recorded(7.0, shots=16), recorded(1.0, label="other", task="far")])
    assert durations.seconds(make_cell(shots=4)) == 5.0
    assert durations.seconds(make_cell(shots=8)) == 6.0  # the same method on the same task
    assert durations.seconds(make_cell(shots=4, task="far")) == 6.0  # on any task of the kind
    assert durations.seconds(make_cell(label="new", task="new")) == (5.0 + 7.0 + 1.0) / 3  # any method of the family
    assert durations.seconds(make_cell(fingerprint="larger")) == Durations().seconds(make_cell())
