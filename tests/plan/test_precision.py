"""The precision that `auto` takes is the one that was faster when it was tried."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

import bench.plan.precision
from bench.plan.precision import TRIES, Trial, try_precisions
from bench.plan.resolve import resolve_precision


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


@pytest.mark.parametrize(("slow", "best", "tries"), [(torch.float32, "bf16", TRIES + 1), (torch.bfloat16, "fp32", 2)])
def test_it_is_tried_and_not_longer_than_it_takes_to_know(
    slow: torch.dtype, best: str, tries: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a clock that only the passes move; one in the slow precision takes seven times as long."""
    monkeypatch.setattr("bench.plan.precision.SHAPE", (2, 2, 2))
    now, passes = [0.0], {torch.float32: 0, torch.bfloat16: 0}
    forward = torch.nn.Linear.forward

    def counted(layer: torch.nn.Linear, x: torch.Tensor) -> torch.Tensor:
        dtype = torch.bfloat16 if torch.is_autocast_enabled("cpu") else torch.float32
        passes[dtype] += 1
        now[0] += 7.0 if dtype is slow else 1.0
        return forward(layer, x)

    monkeypatch.setattr(torch.nn.Linear, "forward", counted)
    monkeypatch.setattr(bench.plan.precision.time, "perf_counter", lambda: now[0])
    assert resolve_precision("auto", "cpu") == best == resolve_precision("auto", "cpu")
    assert passes == {torch.float32: TRIES + 1, torch.bfloat16: tries}


def test_what_is_asked_for_is_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.plan.resolve.try_precisions", lambda device: pytest.fail("tried"))
    assert resolve_precision("fp16", "cpu") == "fp16"


def test_of_a_clusters_gpus_nothing_is_known_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert resolve_precision("auto", "cuda") == "fp32"


def test_here_it_takes_both() -> None:
    found = try_precisions("cpu")
    assert found.float32_ms > 0 and found.bfloat16_ms is not None and found.bfloat16_ms > 0
    assert f"fp32 {found.float32_ms:.1f} ms, bf16 {found.bfloat16_ms:.1f} ms" in str(found)
