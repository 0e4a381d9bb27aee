"""A real Ray cluster of two nodes, one of which is killed."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from bench.errors import UsageError
from bench.executors.drive import drive
from bench.executors.schedule import Schedule
from bench.forks import POOLS
from bench.plan.settings import Settings
from bench.store.store import Store
from tests.executors.cluster import own_network, ray_cluster
from tests.executors.drivers import parent_of, run_quick
from tests.executors.grids import SEEDS, Gate, Hand, assert_equal, assert_same_grid, cells, settings

pytest.importorskip("ray", reason="Ray is not installed: pip install -e '.[ray]'")


@pytest.fixture(scope="module")
def nodes() -> Iterator[Any]:
    """With Ray's own switch for staying on the loopback address."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        for name in POOLS:  # whatever the nodes were started with isn't what a worker gets
            patch.setenv(name, "2")
        from ray.cluster_utils import Cluster

        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
        cluster.second = cluster.add_node(num_cpus=1)
        try:
            yield cluster
        finally:
            cluster.shutdown()


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")  # Ray's own
def test_a_lost_node_and_a_dead_actor_cost_their_cell_only(
    nodes: Any, tmp_path: Path, bank: Path, gate: Gate, undisturbed: dict[int, dict[str, object]]
) -> None:
    from bench.executors.ray import RayExecutor

    store = Store(tmp_path / "out")
    store.prepare()
    here = settings(store.root, bank)
    seen: list[int] = []

    class Watcher:
        def start(self, cell: object) -> None: ...

        def finish(self, record: object) -> None:
            seen.append(len(list(store.read())))

    def disturb() -> None:
        gate.wait(2)  # one on each node
        (raylet,) = nodes.second.all_processes["raylet"]
        there = [worker for worker in gate.workers() if parent_of(worker) == raylet.process.pid]
        nodes.remove_node(nodes.second, allow_graceful=False)
        for worker in there:  # a machine that is gone has no processes left either
            os.kill(worker, signal.SIGKILL)
        gate.open()

    hand = Hand(disturb, gate)
    assert drive(RayExecutor(here, nodes.address), Schedule(cells(gate.method, SEEDS)), store, Watcher()) is None
    hand.join()
    assert seen == [1, 2, 3, 4]  # each record was stored as it came
    records = list(store.read())
    lost = [record for record in records if record.status != "ok"]
    assert sorted(record.cell.seed for record in records) == list(SEEDS) and len(lost) == 1
    assert lost[0].status == "crashed" and lost[0].error is not None and "the worker is gone" in lost[0].error.message

    dying = Gate(tmp_path / "dying")
    dying.open()
    again = [cell for cell in cells(gate.method, SEEDS) if cell.info.seed == lost[0].cell.seed]
    dies = cells(f"tiny[gate={dying.folder},dies=true]", (7, 8))
    drive(RayExecutor(here, nodes.address), Schedule([*dies, *again]), store)
    of_dying = [record for record in store.read() if record.cell.seed in (7, 8)]
    assert sorted(record.status for record in of_dying) == ["crashed", "ok"]
    assert any("the worker is gone" in record.error.message for record in of_dying if record.error is not None)
    latest = [record for record in store.latest().values() if record.cell.seed in SEEDS]
    assert_equal(latest, store.root, undisturbed)


def test_the_documented_commands_give_the_records_of_a_local_run(
    tmp_path: Path, quick_grid: dict[tuple[str, str], dict[str, object]]
) -> None:
    with own_network() as network, ray_cluster(tmp_path, network) as address:
        run_quick(tmp_path / "out", "--executor", "ray", "--address", address, begin=network)
    assert_same_grid(tmp_path / "out", quick_grid)
    ran = sorted((one.provenance.started, one.provenance.finished) for one in Store(tmp_path / "out").read() if one.provenance)
    assert any(after[0] < before[1] for before, after in pairwise(ran))  # a node has one core: both had a part


def test_a_cell_that_takes_too_long_is_a_row(nodes: Any, tmp_path: Path, bank: Path, gate: Gate) -> None:
    from bench.executors.ray import RayExecutor

    executor = RayExecutor(settings(tmp_path, bank), nodes.address, 1, timeout_s=1.0)
    (record,) = executor.run(Schedule(cells(gate.method)))  # the gate stays shut
    assert record.status == "timeout" and record.error is not None and record.error.message == "still running after 1 s"


def test_no_library_of_an_actor_takes_more_than_its_cores(nodes: Any, tmp_path: Path, bank: Path) -> None:
    from bench.executors.ray import RayExecutor

    (record,) = RayExecutor(settings(tmp_path, bank), nodes.address).run(Schedule(cells("tiny[pools=true]")))
    assert record.error is not None and record.error.message == "threads: {1}, torch: 1"


@pytest.mark.parametrize(("address", "message"), [("127.0.0.1:1", "refused"), ("here:x", "invalid")])
def test_a_cluster_that_is_not_there_is_one_line(address: str, message: str, tmp_path: Path) -> None:
    from bench.executors.ray import RayExecutor

    with pytest.raises(UsageError, match=f"no Ray cluster at --address {address}.*{message}.*ray start --head"):
        list(RayExecutor(settings(tmp_path, tmp_path), address).run(Schedule([])))


@pytest.mark.parametrize("workers", [None, 2])
def test_more_than_any_node_has_is_one_line(workers: int | None, nodes: Any, tmp_path: Path) -> None:
    from bench.executors.ray import RayExecutor

    here = Settings(tmp_path, tmp_path, threads=64)
    with pytest.raises(UsageError, match=r"no node of the Ray cluster has 64 CPU and 0\.5 GPU for a worker"):
        list(RayExecutor(here, nodes.address, workers, gpus=0.5).run(Schedule(cells("tiny"))))
