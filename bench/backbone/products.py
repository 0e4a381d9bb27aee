"""Which library multiplies float32 matrices on CPUs: torch's default one, or oneDNN.

torch's switch for it is the permission to round, `torch.backends.mkldnn.matmul.fp32_precision`. `bench.plan.precision` tries
what a processor makes of it. Versions of torch without the switch are always at the default.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

DEFAULT, ONEDNN = "none", "bf16"  # what the switch says
_MATMUL: Any = getattr(torch.backends.mkldnn, "matmul", None)
SWITCHABLE = hasattr(_MATMUL, "fp32_precision") and torch.backends.mkldnn.is_available()


def switch() -> str:
    """What it says now."""
    return str(_MATMUL.fp32_precision) if SWITCHABLE else DEFAULT


def multiply_by(value: str) -> None:
    """Float32 products on CPUs by DEFAULT or ONEDNN, from here on and in the whole process."""
    if SWITCHABLE:
        _MATMUL.fp32_precision = value


@contextmanager
def products_by(value: str) -> Iterator[None]:
    """`multiply_by` for a while."""
    before = switch()
    multiply_by(value)
    try:
        yield
    finally:
        multiply_by(before)
