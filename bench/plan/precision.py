"""Which precision a device computes fastest in, found by trying: names of processors say little.

Two things are tried on a linear layer of the size that small towers have, forward and backward: bfloat16 under autocast, and on
CPUs float32 products by oneDNN instead of torch's default library (`bench.backbone.products`). The switch for the latter is
the permission to round; whether a processor makes use of it is tried, too: where results get coarser than float32's own, it
stays as it was.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor, nn

from bench.backbone.products import DEFAULT, ONEDNN, SWITCHABLE, products_by

SHAPE = (2048, 256, 1024)  # rows, inputs, outputs: what a batch of images is multiplied by in a small tower
TRIES = 5
PART = 16  # a part of the rows is a sixteenth
WORTH = 1.2  # times as fast that another way must be, as casting takes time, too, and figures get coarser
COARSER = 4.0  # times float32's own error that is still float32: another order of summation changes it by less


@dataclass(frozen=True)
class Trial:
    """Milliseconds of a linear layer's forward and backward pass, the best of some."""

    float32_ms: float
    bfloat16_ms: float | None  # None: it can't, or wasn't asked because it could never pay
    onednn_ms: float | None = None  # float32 by oneDNN; None: it isn't there, or rounds

    @property
    def switch(self) -> str:
        """What torch's switch for float32 products is to say."""
        return ONEDNN if self.onednn_ms is not None and self.onednn_ms * WORTH < self.float32_ms else DEFAULT

    @property
    def best(self) -> str:
        float32 = self.float32_ms if self.switch == DEFAULT or self.onednn_ms is None else self.onednn_ms
        return "bf16" if self.bfloat16_ms is not None and self.bfloat16_ms * WORTH < float32 else "fp32"

    def __str__(self) -> str:
        other = "not possible" if self.bfloat16_ms is None else f"{self.bfloat16_ms:.1f} ms"
        onednn = "" if self.onednn_ms is None else f" (by oneDNN {self.onednn_ms:.1f} ms)"
        product = " x ".join(map(str, SHAPE))
        return f"a product of {product} and back takes: fp32 {self.float32_ms:.1f} ms{onednn}, bf16 {other}"


@lru_cache(maxsize=8)
def try_precisions(device: str) -> Trial:
    """Once per process and device; takes about a tenth of a second on one core."""
    kind = torch.device(device).type
    with products_by(DEFAULT):
        float32 = _milliseconds(device, torch.float32)
        error = rounding(device)
    onednn = None
    if kind == "cpu" and SWITCHABLE:
        with products_by(ONEDNN):
            if rounding(device) <= COARSER * error:
                onednn = _milliseconds(device, torch.float32, enough=float32)
    if kind == "cuda" and not torch.cuda.is_bf16_supported():
        return Trial(float32, None)
    try:
        return Trial(float32, _milliseconds(device, torch.bfloat16, enough=3 * float32), onednn)
    except RuntimeError:  # Apple's older systems
        return Trial(float32, None, onednn)


def rounding(device: str) -> float:
    """Largest error of a float32 product of SHAPE's inner size, as a share of the largest entry."""
    rows, inputs, outputs = 64, SHAPE[1], SHAPE[2]
    random = torch.Generator().manual_seed(0)
    x, w = (torch.randn(*size, generator=random, dtype=torch.float64) for size in ((rows, inputs), (inputs, outputs)))
    found = (x.float().to(device) @ w.float().to(device)).cpu().double()
    exact = x.float().double() @ w.float().double()
    return float((found - exact).abs().max() / exact.abs().max())


def _milliseconds(device: str, dtype: torch.dtype, enough: float = math.inf) -> float:
    """The best of some tries, or the first one that is not below `enough`: where bfloat16 is emulated it takes seconds.

    That is seen from a part of the rows, and what these took is multiplied.
    """
    rows, inputs, outputs = SHAPE
    layer = nn.Linear(inputs, outputs, device=device)
    x = torch.ones(rows, inputs, device=device, requires_grad=True)

    def once(x: Tensor) -> None:
        with torch.autocast(torch.device(device).type, dtype, enabled=dtype is not torch.float32):
            y = layer(x)
        y.float().sum().backward()
        if torch.device(device).type == "cuda":
            torch.cuda.synchronize()

    few = x[: max(1, rows // PART)]
    once(few)  # the first also chooses how
    if (best := 1000 * _timed(lambda: once(few)) * rows / len(few)) >= enough:
        return best
    once(x)
    best = math.inf
    for _ in range(TRIES):
        best = min(best, 1000 * _timed(lambda: once(x)))
        if best >= enough:
            break
    return best


def _timed(action: Callable[[], None]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start
