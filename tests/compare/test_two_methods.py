"""Two methods of one run, example by example."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from bench.cli import main
from bench.compare.two_methods import two_methods
from bench.errors import UsageError
from bench.kinds import KINDS
from bench.store.record import Data
from bench.store.store import Store
from tests.factories import make_cell, make_record

LABELS = np.array([0, 1, 0, 1, 1, 0])


def data(test_hash: str = "t") -> Data:
    return Data(origin="", classes=2, n_support=2, n_val=0, n_test=len(LABELS), support_hash="s", test_hash=test_hash)


def put(out: Path, label: str, right: list[int], task: str = "one", seed: int = 1, shots: int = 4, **changes: Any) -> None:
    """A cell whose predictions are right for these examples."""
    name = f"{label}-{task}-{seed}-{shots}"
    chosen = np.where(np.isin(np.arange(len(LABELS)), right), LABELS, 1 - LABELS)
    (out / "artifacts").mkdir(parents=True, exist_ok=True)
    np.savez(out / "artifacts" / f"{name}.npz", scores=np.eye(2, dtype=np.float32)[chosen], labels=LABELS)
    cell = make_cell(method=label, label=label, task=task, seed=seed, shots=shots)
    store = Store(out)
    store.prepare()
    store.append(make_record(name, cell, artifacts={"predictions": f"artifacts/{name}.npz"}, **{"data": data(), **changes}))


def test_examples_are_counted_where_the_methods_differ(tmp_path: Path) -> None:
    put(tmp_path, "lora", [0, 1, 2, 3])
    put(tmp_path, "coop", [0, 4])
    (found,) = two_methods(tmp_path, "lora", "coop")
    (task,) = found.tasks
    assert (task.examples, task.seeds, task.only_a, task.only_b) == (6, (1,), 3, 1)
    assert (task.a, task.b) == pytest.approx((4 / 6, 2 / 6))
    assert task.p == pytest.approx(2 * (math.comb(4, 0) + math.comb(4, 1)) / 2**4)
    assert found.difference == pytest.approx(2 / 6)
    assert found.interval[0] < found.difference < found.interval[1]


def test_seeds_are_averaged_and_a_method_without_a_support_goes_with_each(tmp_path: Path) -> None:
    put(tmp_path, "lora", [0, 1, 2], seed=1)
    put(tmp_path, "lora", [0, 4], seed=2)
    put(tmp_path, "zero-shot", [0, 1], shots=0, seed=0)
    (found,) = two_methods(tmp_path, "lora", "zero-shot")
    task = found.tasks[0]
    assert task.seeds == (1, 2)
    assert (task.only_a, task.only_b) == (2, 1)  # examples 2 and 4, half of the time; example 1, half of the time
    assert task.a == pytest.approx(5 / 12)


def test_tasks_count_alike(tmp_path: Path) -> None:
    for task, ours in (("one", [0, 1, 2, 3, 4, 5]), ("two", [])):
        put(tmp_path, "lora", ours, task)
        put(tmp_path, "coop", [0, 1, 2], task)
    (found,) = two_methods(tmp_path, "lora", "coop")
    assert found.difference == pytest.approx(0)
    assert [task.task for task in found.tasks] == ["one", "two"]


def test_other_test_examples_do_not_compare(tmp_path: Path) -> None:
    put(tmp_path, "lora", [0])
    put(tmp_path, "coop", [0], data=data("other"))
    with pytest.raises(UsageError, match="lora and coop share no cell whose predictions are there"):
        two_methods(tmp_path, "lora", "coop")
    with pytest.raises(UsageError, match=r"unknown method in .* 'lorra': did you mean lora"):
        two_methods(tmp_path, "lorra", "coop")


@pytest.mark.parametrize("kind", ["classification", "retrieval"])
def test_what_examples_count_has_the_headline_as_its_mean(kind: str) -> None:
    random = np.random.default_rng(0)
    arrays = {
        "classification": {"scores": random.standard_normal((9, 3)), "labels": random.integers(0, 3, 9)},
        "retrieval": {"image_to_text": random.integers(0, 3, 4), "text_to_image": random.integers(0, 3, 11)},
    }[kind]
    metrics, _ = KINDS[kind].rescore(arrays, None)
    assert KINDS[kind].counted(arrays).mean() == pytest.approx(metrics[KINDS[kind].headline].value)


def test_the_command_prints_a_table_and_says_what_it_wants(tmp_path: Path) -> None:
    put(tmp_path, "lora", [0, 1, 2, 3])
    put(tmp_path, "coop", [0, 4])
    told = CliRunner().invoke(main, ["compare", str(tmp_path), "--methods", "lora,coop"])
    assert told.exit_code == 0 and "A - B, mean over 1 tasks: +33.3 points" in told.output
    for arguments in ([str(tmp_path)], [str(tmp_path), "--methods", "lora"], [str(tmp_path), str(tmp_path), "--methods", "a,b"]):
        assert CliRunner().invoke(main, ["compare", *arguments]).exit_code == 2
