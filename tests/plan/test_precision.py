"""The precision that `auto` takes is the one that was faster when it was tried."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

import bench.plan.precision
from bench.backbone.products import DEFAULT, ONEDNN, SWITCHABLE, multiply_by, products_by, switch
from bench.cell.worker import Worker
from bench.plan.grid import Request, expand
from bench.plan.precision import PART, TRIES, Trial, rounding, try_precisions
from bench.plan.registry import find_methods
from bench.plan.resolve import resolve_precision, resolve_products
from bench.plan.settings import Settings
from bench.spec import Named


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    try_precisions.cache_clear()
    yield
    try_precisions.cache_clear()


@pytest.mark.parametrize(
    ("float32", "bfloat16", "best"),
    [(10.0, 2.0, "bf16"), (10.0, 8.0, "bf16"), (10.0, 9.0, "fp32"), (10.0, 70.0, "fp32"), (10.0, None, "fp32")],
)
def test_bfloat16_where_it_pays(float32: float, bfloat16: float | None, best: str) -> None:
    assert Trial(float32, bfloat16).best == best


@pytest.mark.parametrize(("slow", "best", "tries"), [(torch.float32, "bf16", TRIES + 3), (torch.bfloat16, "fp32", 2)])
def test_it_is_tried_and_not_longer_than_it_takes_to_know(
    slow: torch.dtype, best: str, tries: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a clock that only the rows move; one in the slow precision takes seven times as long."""
    monkeypatch.setattr("bench.plan.precision.SHAPE", (2 * PART, 2, 2))
    monkeypatch.setattr("bench.plan.precision.SWITCHABLE", False)
    now, passes = [0.0], {torch.float32: 0, torch.bfloat16: 0}
    forward = torch.nn.Linear.forward

    def counted(layer: torch.nn.Linear, x: torch.Tensor) -> torch.Tensor:
        dtype = torch.bfloat16 if torch.is_autocast_enabled("cpu") else torch.float32
        passes[dtype] += 1
        now[0] += len(x) * (7.0 if dtype is slow else 1.0)
        return forward(layer, x)

    monkeypatch.setattr(torch.nn.Linear, "forward", counted)
    monkeypatch.setattr(bench.plan.precision.time, "perf_counter", lambda: now[0])
    assert resolve_precision("auto", "cpu") == best == resolve_precision("auto", "cpu")
    assert passes == {torch.float32: TRIES + 3, torch.bfloat16: tries}
    trial = try_precisions("cpu")
    assert trial.bfloat16_ms is not None and trial.bfloat16_ms / trial.float32_ms == (1 / 7 if slow is torch.float32 else 7)


@pytest.mark.parametrize(
    ("float32", "onednn", "bfloat16", "switch", "best"),
    [(10.0, 5.0, 9.0, "bf16", "fp32"), (10.0, 5.0, 4.0, "bf16", "bf16"), (10.0, 9.0, 8.0, "none", "bf16")],
)
def test_float32_by_onednn_where_it_pays(float32: float, onednn: float, bfloat16: float, switch: str, best: str) -> None:
    trial = Trial(float32, bfloat16, onednn)
    assert (trial.switch, trial.best) == (switch, best)
    assert f"(by oneDNN {onednn:.1f} ms)" in str(trial)


switchable = pytest.mark.skipif(not SWITCHABLE, reason="this version of torch has no switch for float32 products")


@switchable
@pytest.mark.parametrize(("error", "expected"), [(3.0, True), (5.0, False), (1e4, False)])
def test_products_that_round_are_not_float32(error: float, expected: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A processor that makes use of the permission to round is left at torch's default, however fast it may be."""
    monkeypatch.setattr(bench.plan.precision, "rounding", lambda device: error if now() == ONEDNN else 1.0)
    monkeypatch.setattr("bench.plan.precision.SHAPE", (PART, 2, 2))
    assert (try_precisions("cpu").onednn_ms is not None) == expected
    assert now() == DEFAULT


def now() -> str:
    return switch()


def test_a_product_in_float32_is_exact_to_its_last_digits_and_bfloat16_is_not() -> None:
    assert rounding("cpu") < 2e-6
    with torch.autocast("cpu", torch.bfloat16):
        assert rounding("cpu") > 1e-4


@switchable
def test_the_switch_is_set_where_cells_run_and_recorded(tmp_path: Path) -> None:
    worker = Worker(Settings(tmp_path, tmp_path / "bank", products=ONEDNN))
    request = Request((Named("zero-shot"),), ("sketches",), (1,), (1,), quick=True)
    [cell] = expand(request, find_methods(), "")
    with products_by(DEFAULT):
        record = worker.run(cell)
        assert now() == ONEDNN
    assert record.provenance is not None and record.provenance.float32_products == ONEDNN
    multiply_by(DEFAULT)
    assert resolve_products("cpu", "slurm") == resolve_products("cuda") == DEFAULT


def test_what_is_asked_for_is_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.plan.resolve.try_precisions", lambda device: pytest.fail("tried"))
    assert resolve_precision("fp16", "cpu") == "fp16"


def test_of_a_clusters_gpus_nothing_is_known_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert resolve_precision("auto", "cuda") == "fp32"


def test_here_it_takes_both() -> None:
    found = try_precisions("cpu")
    assert found.float32_ms > 0 and found.bfloat16_ms is not None and found.bfloat16_ms > 0
    assert f"fp32 {found.float32_ms:.1f} ms" in str(found) and f"bf16 {found.bfloat16_ms:.1f} ms" in str(found)
