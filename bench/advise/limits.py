"""What the advised method may cost: `--max-memory 2GB`, `--max-parameters 1M`, `--max-predict-ms 5`."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from bench.errors import UsageError

BYTES = {"B": 1, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40}
COUNTS = {"": 1, "K": 1e3, "M": 1e6, "B": 1e9}
_NUMBER = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*([A-Za-z]*)\s*")


@dataclass(frozen=True)
class Costs:
    """What a method costs, so far as it is known; None: not yet."""

    parameters: int | None = None  # that train
    memory_bytes: int | None = None  # peak of fitting, predicting and the frozen work for both
    predict_ms: float | None = None  # per image, the pass through the frozen part of the image tower included


@dataclass(frozen=True)
class Limits:
    """None: none."""

    memory_bytes: int | None = None
    parameters: int | None = None
    predict_ms: float | None = None

    @property
    def known_before(self) -> bool:
        """Whether something is limited that is known, in part at least, before a fit."""
        return self.parameters is not None or self.predict_ms is not None

    def broken_by(self, costs: Costs) -> tuple[str, str] | None:
        """Which limit these costs are over, and the figure that is, in words; None while none is known to be."""
        if _over(costs.parameters, self.parameters):
            return f"trains more than --max-parameters {self.parameters:,}", f"{costs.parameters:,}"
        if _over(costs.memory_bytes, self.memory_bytes):
            assert costs.memory_bytes is not None and self.memory_bytes is not None
            return f"takes more than --max-memory {megabytes(self.memory_bytes)}", megabytes(costs.memory_bytes)
        if _over(costs.predict_ms, self.predict_ms):
            return f"takes more than --max-predict-ms {self.predict_ms:g} per image", f"{costs.predict_ms:.3g} ms"
        return None


NO_LIMITS = Limits()


def parse_limits(memory: str | None, parameters: str | None, predict_ms: float | None) -> Limits:
    """Of what was typed, None where nothing was. Raises UsageError."""
    if predict_ms is not None and not (math.isfinite(predict_ms) and predict_ms > 0):
        raise UsageError(f"--max-predict-ms {predict_ms:g}: write milliseconds per image, a number above 0")
    return Limits(
        None if memory is None else _read(memory, "--max-memory", BYTES, "2GB or 500MiB"),
        None if parameters is None else _read(parameters, "--max-parameters", COUNTS, "100000, 100K or 1M"),
        predict_ms,
    )


def megabytes(count: float) -> str:
    """As people read it, in decimal units."""
    unit, name = next(((each, name) for each, name in ((1e9, "GB"), (1e6, "MB"), (1e3, "KB")) if count >= each), (1.0, "B"))
    return f"{count / unit:.3g} {name}"


def _over(value: float | None, most: float | None) -> bool:
    return value is not None and most is not None and value > most


def _read(text: str, option: str, units: dict[str, float], example: str) -> int:
    found = _NUMBER.fullmatch(text)
    if found is None or found[2].upper() not in units or not 1 <= (value := float(found[1]) * units[found[2].upper()]) < 1e18:
        raise UsageError(f"{option} {text!r}: write a number above 0 and its unit, as {example}")
    return round(value)
