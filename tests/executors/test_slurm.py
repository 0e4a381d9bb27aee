"""A real Slurm of one node."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bench.errors import UsageError
from bench.executors import Placement
from bench.executors.drive import drive
from bench.executors.schedule import Schedule
from bench.store.following import Follower
from bench.store.store import Store
from tests.executors.cluster import slurm_cluster
from tests.executors.drivers import run_quick
from tests.executors.grids import SEEDS, Gate, Hand, assert_equal, assert_same_grid, cells, settings, wait_for

pytest.importorskip("submitit", reason="submitit is not installed: pip install -e '.[slurm]'")
from bench.executors.slurm import SlurmExecutor
from bench.executors.squeue import states

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with slurm_cluster(tmp_path_factory.mktemp("slurm")) as environment, pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLURM_CONF", environment["SLURM_CONF"])
        patch.setenv("PYTHONPATH", str(ROOT))
        patch.chdir(ROOT)
        yield


def jobs(*options: str) -> list[str]:
    """Numbers of the jobs that Slurm has waiting or running."""
    command = ["squeue", "--noheader", "--array", "--format=%i", "--name=bench", *options]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


def prepared(out: Path, bank: Path, gate: Gate, workers: int, partition: str = "all") -> tuple[SlurmExecutor, Schedule, Store]:
    store = Store(out)
    store.prepare()
    options = ("time=30", f"partition={partition}")
    executor = SlurmExecutor.placed(settings(out, bank), Placement("slurm", workers=workers, slurm=options))
    return executor, Schedule(cells(gate.method, SEEDS), follower=Follower(store)), store


def drive_disturbed(executor: SlurmExecutor, schedule: Schedule, store: Store, gate: Gate, disturb: Callable[[], None]) -> None:
    """To the end, every cell recorded once and none as failed."""
    hand = Hand(disturb, gate)
    assert drive(executor, schedule, store) is None
    hand.join()
    assert sorted((record.cell.seed, record.status) for record in store.read()) == [(seed, "ok") for seed in SEEDS]
    assert jobs() == []


@pytest.mark.usefixtures("slurm")
def test_killed_and_requeued_jobs_lose_no_cell_and_records_equal_local_ones(
    tmp_path: Path, bank: Path, gate: Gate, undisturbed: dict[int, dict[str, object]]
) -> None:
    executor, schedule, store = prepared(tmp_path / "out", bank, gate, 2)

    def disturb() -> None:
        gate.wait(2)
        killed, requeued = jobs("--states=RUNNING")
        gate.let_one()
        wait_for(lambda: list(store.read()), "a record")
        subprocess.run(["scancel", killed], check=True)
        subprocess.run(["scontrol", "requeue", requeued], check=True)
        wait_for(lambda: (states([requeued]) or {}).get(requeued) == "PENDING", "the job's return to the queue")
        gate.open()
        subprocess.run(["scontrol", "update", f"JobId={requeued}", "StartTime=now"], check=True)

    drive_disturbed(executor, schedule, store, gate, disturb)
    assert_equal(list(store.read()), store.root, undisturbed)
    assert len(list(store.records_folder.iterdir())) >= 2  # each job wrote its own
    assert len(list((store.root / "slurm").glob("*_submitted.pkl"))) == 3  # the requeued job wasn't submitted again


@pytest.mark.usefixtures("slurm")
@pytest.mark.parametrize(("partition", "submitted"), [("all", 1), ("spot", 2)])
def test_a_job_that_makes_way_for_another_one_loses_no_cell(
    tmp_path: Path, bank: Path, gate: Gate, undisturbed: dict[int, dict[str, object]], partition: str, submitted: int
) -> None:
    """Slurm puts a job of the one partition back into its queue, and ends one of the other."""
    executor, schedule, store = prepared(tmp_path / "out", bank, gate, 1, partition)

    def disturb() -> None:
        gate.wait(1)
        gate.let_one()
        gate.wait(2)
        urgent = ["sbatch", "--wait", "--partition=urgent", "--exclusive", "--output=/dev/null", "--wrap=true"]
        subprocess.run(urgent, check=True, capture_output=True, cwd=tmp_path)
        for waiting in jobs("--states=PENDING"):  # it need not be left alone for two minutes
            subprocess.run(["scontrol", "update", f"JobId={waiting}", "StartTime=now"], check=False, capture_output=True)
        gate.wait(3)  # the second cell, again
        gate.open()

    drive_disturbed(executor, schedule, store, gate, disturb)
    assert_equal(list(store.read()), store.root, undisturbed)
    assert len(list((store.root / "slurm").glob("*_submitted.pkl"))) == submitted


@pytest.mark.usefixtures("slurm")
def test_ctrl_c_lets_jobs_finish_their_cell_and_a_second_one_cancels_them(tmp_path: Path, bank: Path, gate: Gate) -> None:
    executor, schedule, store = prepared(tmp_path / "out", bank, gate, 1)

    def disturb() -> None:
        gate.wait(1)
        schedule.drain()
        logs = store.root / "slurm"
        wait_for(lambda: any("finishing the cells" in log.read_text() for log in logs.glob("*.err")), "Ctrl-C to reach the job")
        gate.let_one()

    hand = Hand(disturb, gate)
    drive(executor, schedule, store)
    hand.join()
    assert [record.status for record in store.read()] == ["ok"]
    assert jobs() == []

    executor, schedule, store = prepared(tmp_path / "again", bank, gate, 1)
    hand = Hand(lambda: (gate.wait(2), schedule.stop()), gate)
    drive(executor, schedule, store)
    hand.join()
    assert list(store.read()) == []
    wait_for(lambda: jobs() == [], "the end of the jobs", 60)


@pytest.mark.usefixtures("slurm")
def test_the_documented_command_gives_the_records_of_a_local_run(
    tmp_path: Path, quick_grid: dict[tuple[str, str], dict[str, object]]
) -> None:
    run_quick(tmp_path / "out", "--executor", "slurm", "--workers", "2", "--slurm", "partition=all", "--slurm", "time=30")
    assert_same_grid(tmp_path / "out", quick_grid)
    assert jobs() == []


@pytest.mark.usefixtures("slurm")
def test_what_sbatch_refuses_is_one_line(tmp_path: Path, bank: Path, gate: Gate) -> None:
    store = Store(tmp_path)
    executor = SlurmExecutor.placed(settings(tmp_path, bank), Placement("slurm", slurm=("partition=none",)))
    with pytest.raises(UsageError, match=r"sbatch refuses: .*Invalid partition.*: see --slurm"):
        list(executor.run(Schedule(cells(gate.method), follower=Follower(store))))
