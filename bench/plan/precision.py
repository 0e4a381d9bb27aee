"""Which precision a device computes fastest in, found by trying: names of processors say little."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import nn

SHAPE = (2048, 256, 1024)  # rows, inputs, outputs: what a batch of images is multiplied by in a small tower
TRIES = 5
WORTH = 1.2  # times as fast as float32 that bfloat16 must be, as casting takes time, too, and figures get coarser


@dataclass(frozen=True)
class Trial:
    """Milliseconds of a linear layer's forward and backward pass, the best of some."""

    float32_ms: float
    bfloat16_ms: float | None  # None: it can't, or wasn't asked because it could never pay

    @property
    def best(self) -> str:
        return "bf16" if self.bfloat16_ms is not None and self.bfloat16_ms * WORTH < self.float32_ms else "fp32"

    def __str__(self) -> str:
        other = "not possible" if self.bfloat16_ms is None else f"{self.bfloat16_ms:.1f} ms"
        product = " x ".join(map(str, SHAPE))
        return f"a product of {product} and back takes: fp32 {self.float32_ms:.1f} ms, bf16 {other}"


@lru_cache(maxsize=8)
def try_precisions(device: str) -> Trial:
    """Once per process and device; takes about a tenth of a second on one core."""
    float32 = _milliseconds(device, torch.float32)
    if torch.device(device).type == "cuda" and not torch.cuda.is_bf16_supported():
        return Trial(float32, None)
    try:
        return Trial(float32, _milliseconds(device, torch.bfloat16, enough=3 * float32))
    except RuntimeError:  # Apple's older systems
        return Trial(float32, None)


def _milliseconds(device: str, dtype: torch.dtype, enough: float = math.inf) -> float:
    """The best of some tries, or the first one that is not below `enough`: where bfloat16 is emulated it takes long."""
    rows, inputs, outputs = SHAPE
    layer = nn.Linear(inputs, outputs, device=device)
    x = torch.ones(rows, inputs, device=device, requires_grad=True)

    def once() -> None:
        with torch.autocast(torch.device(device).type, dtype, enabled=dtype is not torch.float32):
            y = layer(x)
        y.float().sum().backward()
        if torch.device(device).type == "cuda":
            torch.cuda.synchronize()

    once()  # the first also chooses how
    best = math.inf
    for _ in range(TRIES):
        best = min(best, 1000 * _timed(once))
        if best >= enough:
            break
    return best


def _timed(action: Callable[[], None]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start
