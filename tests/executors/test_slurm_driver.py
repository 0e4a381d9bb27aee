"""What the driver does about Slurm's jobs, without Slurm: states come from a list, and sbatch only takes notes."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from bench.errors import BenchError, UsageError
from bench.executors import Placement
from bench.executors.durations import Durations
from bench.executors.schedule import Schedule
from bench.plan.grid import Cell
from bench.plan.settings import Settings
from bench.store.following import Follower
from bench.store.record import Record
from bench.store.store import Store
from tests.executors.grids import cells, settings
from tests.factories import make_record

pytest.importorskip("submitit", reason="submitit is not installed: pip install -e '.[slurm]'")
import bench.executors.slurm as module
from bench.executors import jobs
from bench.executors.slurm import SlurmExecutor

States = Callable[[list[str]], Mapping[str, str]]


class Slurm:
    """Jobs "1", "2", ... of one portion each."""

    def __init__(self) -> None:
        self.submitted: list[list[int]] = []  # seeds
        self.cancelled: list[tuple[str, ...]] = []  # options
        self.interrupted: list[str] = []
        self.refusals: Iterator[bool] = iter(())  # of one submission after the other

    def submit(self, settings: Settings, portions: list[list[Cell]], *rest: object) -> list[str]:
        if next(self.refusals, False):
            raise UsageError("sbatch refuses: the controller is away")
        self.submitted += [[cell.info.seed for cell in portion] for portion in portions]
        return [str(len(self.submitted) - len(portions) + number + 1) for number in range(len(portions))]


@pytest.fixture
def slurm(monkeypatch: pytest.MonkeyPatch) -> Slurm:
    fake = Slurm()
    monkeypatch.setattr(module, "submit", fake.submit)
    monkeypatch.setattr(module, "cancel", lambda ids, *options: fake.cancelled.append(options))
    monkeypatch.setattr(module, "interrupt", lambda ids: fake.interrupted.extend(ids))
    monkeypatch.setattr(module, "POLL_S", 0.0)
    return fake


def run(out: Path, monkeypatch: pytest.MonkeyPatch, states: States, seeds: tuple[int, ...] = (1, 2)) -> list[Record]:
    monkeypatch.setattr(module, "states", lambda ids: states(list(ids)))
    Store(out).prepare()
    schedule = Schedule(cells("tiny", seeds), follower=Follower(Store(out)))
    return list(SlurmExecutor(settings(out, out), 1, None, {}).run(schedule))


def one_after_the_other(*states: str) -> States:
    """The last job's state at each look, the last one for ever."""
    left = list(states)
    return lambda ids: {ids[-1]: left.pop(0) if len(left) > 1 else left[0]}


def test_a_job_takes_its_cells_in_the_order_in_which_the_driver_blames_them(
    tmp_path: Path, bank: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Earlier records make the driver's order another one than that of a job, which knows none."""
    given = cells("coop,tiny")
    durations = Durations()
    monkeypatch.setattr(durations, "seconds", lambda info: float(info.method == "tiny"))
    (portion,) = Schedule(given, durations).portions(1)
    taken: list[str] = []

    def take(executor: object, schedule: Schedule, store: Store) -> None:
        while (cell := schedule.next()) is not None:
            taken.append(cell.info.method)

    monkeypatch.setattr(jobs, "drive", take)
    jobs.take(settings(tmp_path, bank), portion, None, {})
    assert taken == [cell.info.method for cell in portion] == ["tiny", "coop"]


def test_the_second_job_that_ends_at_a_cell_makes_it_a_record(
    slurm: Slurm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = run(tmp_path, monkeypatch, one_after_the_other(*["RUNNING", "NODE_FAIL"] * 4))
    assert [(record.cell.seed, record.status) for record in records] == [(1, "crashed"), (2, "crashed")]
    assert records[0].error is not None
    message = records[0].error.message
    assert f"2 Slurm jobs ended at it, the last one: NODE_FAIL: see {tmp_path}/slurm/2_*.err" in message
    assert slurm.submitted == [[1, 2], [1, 2], [2], [2]]


def test_jobs_that_never_get_to_a_cell_end_the_run_and_no_cell_is_blamed(
    slurm: Slurm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = re.escape(f"5 Slurm jobs in a row ended without a record, the last one: FAILED: see {tmp_path}/slurm/5_*.err")
    with pytest.raises(BenchError, match=message):
        run(tmp_path, monkeypatch, one_after_the_other("FAILED"))
    assert slurm.submitted == [[1, 2]] * 5


def test_jobs_that_write_records_may_end_as_often_as_they_like(
    slurm: Slurm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeds = tuple(range(1, 9))
    left = cells("tiny", seeds)

    def ends_after_one_record(ids: list[str]) -> Mapping[str, str]:
        Store(tmp_path).append(make_record(str(len(left)), left.pop(0).info))
        return dict.fromkeys(ids, "TIMEOUT")

    assert {record.status for record in run(tmp_path, monkeypatch, ends_after_one_record, seeds)} == {"ok"}
    assert len(slurm.submitted) == len(seeds)


def test_a_job_whose_place_was_taken_away_is_submitted_again_and_no_cell_is_blamed(
    slurm: Slurm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with PreemptMode=CANCEL."""
    taken_away = one_after_the_other(*["RUNNING", "PREEMPTED"] * 7, "FAILED")
    with pytest.raises(BenchError, match=r"5 Slurm jobs in a row"):
        run(tmp_path, monkeypatch, taken_away)
    assert slurm.submitted == [[1, 2]] * (7 + 5)


def test_a_refusal_of_a_later_submission_passes(slurm: Slurm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slurm.refusals = iter([False, True, True, False])
    states = one_after_the_other("RUNNING", "NODE_FAIL", "RUNNING", "NODE_FAIL")
    monkeypatch.setattr(module, "GIVE_UP_S", 1000.0)
    (record,) = run(tmp_path, monkeypatch, lambda ids: states(ids) if ids else {}, (1,))
    assert record.status == "crashed" and slurm.submitted == [[1], [1]]


def test_a_refusal_that_lasts_ends_the_run(slurm: Slurm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "GIVE_UP_S", 0.0)
    slurm.refusals = iter([False, *[True] * 1000])
    with pytest.raises(BenchError, match=r"gave up after .* minutes.*run again: sbatch refuses: the controller is away"):
        run(tmp_path, monkeypatch, lambda ids: dict.fromkeys(ids, "NODE_FAIL"))
    slurm.refusals = iter([True])
    with pytest.raises(UsageError, match=r"^sbatch refuses: the controller is away$"):  # the user's to mend
        run(tmp_path, monkeypatch, lambda ids: {})


def test_each_job_is_told_to_finish_once_every_time_that_it_begins_to_run(
    slurm: Slurm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be requeued after the Ctrl-C; a second SIGINT would end it at once."""
    looks = ["RUNNING", "RUNNING", "PENDING", "RUNNING", "RUNNING", "COMPLETED"]
    schedule = Schedule(cells("tiny"), follower=Follower(Store(tmp_path)))
    schedule.drain()
    executor = SlurmExecutor(settings(tmp_path, tmp_path), 1, None, {})
    executor._jobs = [module._Job("1", {})]
    for state in looks:
        executor._drain({"1": state})
    assert slurm.interrupted == ["1", "1"]
    assert slurm.cancelled == [("--state=PENDING",)] * len(looks)


def test_the_folder_of_pickles_is_this_users_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = settings(tmp_path, tmp_path)
    folder = tmp_path / "slurm"
    folder.mkdir(mode=0o777)
    monkeypatch.setattr("submitit.SlurmExecutor.map_array", lambda *arguments: [])
    monkeypatch.setattr("shutil.which", lambda name: name)
    jobs.submit(here, [], None, {}, {})
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    someone = os.getuid() + 1
    monkeypatch.setattr(os, "getuid", lambda: someone)
    with pytest.raises(UsageError, match=r"slurm: belongs to another user.*choose another --out"):
        jobs.submit(here, [], None, {}, {})


@pytest.mark.parametrize(("option", "message"), [("partition", "write key=value"), ("time=1:00", "give minutes, as in time=90")])
def test_options_that_cant_be_read_are_refused(
    option: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.which", lambda name: name)
    with pytest.raises(UsageError, match=message):
        SlurmExecutor.placed(settings(tmp_path, tmp_path), Placement("slurm", slurm=(option,)))
