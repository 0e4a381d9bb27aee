"""What was asked becomes cells, and what the store holds is not run again."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path

import msgspec
import pytest

from bench.errors import UsageError
from bench.plan.episode import draw_episode
from bench.plan.grid import Cell, Request, Resume, expand, of_other_data, plan
from bench.plan.registry import Registry, find_methods
from bench.spec import EVERYTHING, Named, parse_names
from bench.store.record import Failure, Record, from_json, to_json
from bench.store.store import cell_key
from tasks.base import Sources
from tests.factories import make_cell, make_record, make_split, make_task
from tests.tasks.catalog.miniature import write_index

METHOD = """
from dataclasses import dataclass
from typing import Literal
from methods.base import CLASSIFICATION, RETRIEVAL, HeadMethod, Paper

class Stub(HeadMethod):
    name = "stub"
    kinds = frozenset({CLASSIFICATION, RETRIEVAL})
    paper = Paper("A stub", "nowhere")

    @dataclass(frozen=True)
    class Params:
        r: int = 2
        lr: float | None = 0.5
        bias: bool = True
        where: Literal["qkv", "out"] = "qkv"

class Free(HeadMethod):
    name = "free"
    kinds = frozenset({CLASSIFICATION})
    uses_support = False
    paper = Paper("Another stub", "nowhere")
"""


@pytest.fixture(autouse=True)
def tiny_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    own = make_task("a"), make_task("b", version="7"), make_task("pairs", kind="pair")
    monkeypatch.setattr("tasks.find.TASKS", own)


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    (tmp_path / "stub.py").write_text(METHOD)
    return find_methods((tmp_path / "stub.py",))


def request(methods: str = "stub", *names: str, **changes: object) -> Request:
    given = {"shots": (1, 4), "seeds": (1, 2, 3), **changes}
    return Request(tuple(parse_names(methods, "methods")), names or ("a",), **given)  # type: ignore[arg-type]


def labels(cells: list[Cell]) -> list[str]:
    return list(dict.fromkeys(cell.info.label for cell in cells))


def test_every_combination_is_one_cell(registry: Registry) -> None:
    cells = expand(request("stub,stub[r=4]", "a", "b"), registry, "f00d")
    points = {(cell.info.label, cell.info.task, cell.info.shots, cell.info.seed) for cell in cells}
    assert points == {
        (label, task, shots, seed) for label in ("stub", "stub[r=4]") for task in "ab" for shots in (1, 4) for seed in (1, 2, 3)
    }
    assert len(cells) == 24
    assert len({cell_key(cell.info) for cell in cells}) == 24


def test_a_cell_knows_all_that_was_asked(registry: Registry) -> None:
    asked = request(
        "stub[r=4]", "b", shots=(4,), seeds=(9,), protocol="val", precision="bf16", recipe="paper", quick=True, backbone="x/y"
    )
    (cell,) = expand(asked, registry, "f00d")
    info = cell.info
    assert (info.method, info.params) == ("stub", {"r": 4, "lr": 0.5, "bias": True, "where": "qkv"})
    assert (info.family, info.task, info.task_version, info.kind) == ("head", "b", "7", "classification")
    assert (info.shots, info.seed, info.protocol, info.precision) == (4, 9, "val", "bf16")
    assert (info.recipe, info.quick, info.backbone, info.fingerprint) == ("paper", True, "x/y", "f00d")
    assert (cell.method, cell.task_source, cell.reason) == (Named("stub", (("r", "4"),)), "b", None)


def test_a_method_without_support_has_one_cell_per_task(registry: Registry) -> None:
    cells = expand(request("free,zero-shot", "a", "b"), registry, "f00d")
    assert [(cell.info.method, cell.info.task, cell.info.shots, cell.info.seed) for cell in cells] == [
        (method, task, 0, 0) for method in ("free", "zero-shot") for task in "ab"
    ]


def test_what_does_not_apply_is_known_beforehand(registry: Registry) -> None:
    cells = expand(request("stub,zero-shot", "a", "pairs", shots=(1,), seeds=(1,)), registry, "f00d")
    reasons = {(cell.info.method, cell.info.task): cell.reason for cell in cells}
    assert reasons == {
        ("stub", "a"): None,
        ("stub", "pairs"): "the method is for classification, retrieval tasks, this one is pair",
        ("zero-shot", "a"): None,
        ("zero-shot", "pairs"): None,
    }
    todo = plan(cells, {}, "missing")
    assert [cell.info.method for cell in todo.not_applicable] == ["stub"]
    assert len(todo.run) == 3


def test_a_label_tells_what_differs_from_the_defaults_and_can_be_typed_again(registry: Registry) -> None:
    typed = "stub[where=out,lr=none,bias=FALSE,r=4],stub[lr=1e-3,r=2],stub[bias=true]"
    cells = expand(request(typed, shots=(1,), seeds=(1,)), registry, "f00d")
    assert labels(cells) == ["stub[r=4,lr=None,bias=false,where=out]", "stub[lr=0.001]", "stub"]
    again = expand(request(",".join(labels(cells)), shots=(1,), seeds=(1,)), registry, "f00d")
    assert [cell.info for cell in again] == [cell.info for cell in cells]


def test_the_same_cell_asked_for_twice_is_one_cell(registry: Registry) -> None:
    assert len(expand(request("stub,stub[r=2],stub[r=02]", "a", "a"), registry, "f00d")) == 6


def test_records_of_other_data_under_a_tasks_name_are_told() -> None:
    here = [make_record(f"r{number}", make_cell(task="cats", task_version="old")) for number in range(2)]
    task = make_task("cats", version="new")
    assert of_other_data([make_task("cats", version="old"), make_task("dogs")], here) == []
    (line,) = of_other_data([task], here)
    assert line.startswith("cats: the 2 records of this name are of other data") and "[name=NAME]" in line
    assert of_other_data([task], [*here, make_record("r3", make_cell(task="cats", task_version="new"))]) == []


def test_two_tasks_of_one_name_are_refused(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.plan.grid.find_task", lambda source, sources: make_task("same"))
    with pytest.raises(UsageError, match="same name in x/cats, y/cats: give one another name"):
        expand(request("stub", "x/cats", "y/cats"), registry, "f00d")


def stored(cell: Cell, status: str = "ok") -> dict[Hashable, Record]:
    """As it comes back from the store."""
    error = None if status == "ok" else Failure(phase="fit", type="E", message="m")
    record = from_json(to_json(make_record(cell=cell.info, status=status, error=error)), "here")
    return {cell_key(record.cell): record}


@pytest.fixture
def history(registry: Registry) -> tuple[list[Cell], dict[Hashable, Record]]:
    """Seeds 1 to 4 of one cell: done, failed, not applicable, never tried."""
    cells = expand(request(shots=(1,), seeds=(1, 2, 3, 4)), registry, "f00d")
    return cells, {**stored(cells[0]), **stored(cells[1], "oom"), **stored(cells[2], "not_applicable")}


@pytest.mark.parametrize(("resume", "seeds", "done"), [("missing", [4], 3), ("failed", [2, 4], 2), ("always", [1, 2, 3, 4], 0)])
def test_resuming_runs_what_its_mode_says(
    history: tuple[list[Cell], dict[Hashable, Record]], resume: Resume, seeds: list[int], done: int
) -> None:
    cells, latest = history
    todo = plan(cells, latest, resume)
    assert [cell.info.seed for cell in todo.run] == seeds
    assert (todo.done, todo.failed_before, todo.not_applicable) == (done, 1, ())
    assert todo.wanted == {cell_key(cell.info) for cell in cells}


def test_never_resuming_refuses_a_store_that_holds_a_cell(history: tuple[list[Cell], dict[Hashable, Record]]) -> None:
    cells, latest = history
    with pytest.raises(UsageError, match="already holds stub on a at 1 shot, seed 1: use --resume missing, or another --out"):
        plan(cells, latest, "never")
    assert plan(cells[3:], latest, "never").run == tuple(cells[3:])


@pytest.mark.parametrize("status", ["failed", "oom", "timeout", "crashed", "diverged"])
def test_every_kind_of_failure_is_tried_again_when_asked(registry: Registry, status: str) -> None:
    cells = expand(request(shots=(1,), seeds=(1,)), registry, "f00d")
    assert plan(cells, stored(cells[0], status), "failed").run == tuple(cells)
    assert plan(cells, stored(cells[0], status), "missing").run == ()


def test_an_edited_method_and_another_backbone_make_new_cells(registry: Registry, tmp_path: Path) -> None:
    (cell,) = before = expand(request(shots=(1,), seeds=(1,)), registry, "f00d")
    latest = stored(cell)
    assert plan(before, latest, "missing").done == 1
    assert plan(expand(request(shots=(1,), seeds=(1,)), registry, "other"), latest, "missing").done == 0
    (tmp_path / "stub.py").write_text(METHOD + "BETTER = True\n")
    (edited,) = expand(request(shots=(1,), seeds=(1,)), find_methods((tmp_path / "stub.py",)), "f00d")
    assert plan([edited], latest, "missing").run == (edited,)
    assert msgspec.structs.replace(edited.info, method_code=cell.info.method_code) == cell.info


def test_sizes_by_count_are_cells_of_their_own(registry: Registry) -> None:
    cells = expand(request("stub,free", shots=(4,), counts=(4, 500), seeds=(1,)), registry, "f00d")
    assert [(cell.info.method, cell.info.shots, cell.info.by_count) for cell in cells] == [
        ("stub", 4, False),
        ("stub", 4, True),
        ("stub", 500, True),
        ("free", 0, False),
    ]
    assert [cell.info.size for cell in cells] == ["4 shots", "n = 4", "n = 500", "0 shots"]


def test_a_record_from_before_sizes_by_count_is_still_the_same_cell(registry: Registry) -> None:
    (cell,) = expand(request(shots=(4,), seeds=(1,)), registry, "f00d")
    line = to_json(make_record(cell=cell.info)).replace(b',"by_count":false', b"")
    assert b"by_count" not in line
    assert cell_key(from_json(line, "old").cell) == cell_key(cell.info)


def test_another_split_and_another_support_make_other_cells(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = expand(request("stub,free", shots=(1,), seeds=(1,)), registry, "f00d")
    assert {(cell.info.split_origin, cell.info.support, cell.info.support_file) for cell in usual} == {("", "", "")}
    keys = {cell_key(cell.info) for cell in usual}
    monkeypatch.setattr("tasks.find.TASKS", (make_task("a", split_origin="the hub's split"),))
    other = expand(request("stub,free", shots=(1,), seeds=(1,)), registry, "f00d")
    assert not keys & {cell_key(cell.info) for cell in other}
    asked = request("stub,free", shots=(1,), seeds=(1,), sources=Sources(support=tmp_path / "indices"))
    found = []
    for path in ("1.jpg", "2.jpg"):
        write_index(tmp_path / "indices", "a", {"train": [(path, 0)]})
        cells = {cell.info.method: cell.info for cell in expand(asked, registry, "f00d")}
        assert cells["stub"].support == cells["free"].support == "indices"
        assert cells["free"].support_file == ""  # it reads no support
        found.append(cells["stub"])
    assert cell_key(found[0]) != cell_key(found[1])
    assert cell_key(found[0], ("support_file",)) == cell_key(found[1], ("support_file",))


def test_a_missing_index_file_is_told_before_anything_runs(registry: Registry, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"shot_4-seed_1.json: no such index file"):
        expand(request(shots=(4,), sources=Sources(support=tmp_path)), registry, "f00d")
    expand(request("free", sources=Sources(support=tmp_path)), registry, "f00d")  # needs none
    with pytest.raises(UsageError, match=r"leave out n=COUNT"):
        expand(request("free", counts=(500,), sources=Sources(support=tmp_path)), registry, "f00d")


def test_all_shots_are_all_examples_that_have_a_label(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    task = make_task("a", load=lambda name: make_split(name, [0, 1, -1, 2, 1]))
    monkeypatch.setattr("tasks.find.TASKS", (task,))
    (cell,) = expand(Request((Named("stub"),), ("a",), (), (1,), counts=(EVERYTHING,)), registry, "f00d")
    assert (cell.info.shots, cell.info.by_count) == (4, True)
    assert sorted(draw_episode(task, 4, 1, "fixed", by_count=True).support) == [0, 1, 3, 4]
