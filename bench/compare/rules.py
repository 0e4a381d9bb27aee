"""Rules of the form `accuracy:-1.0` and `time:+20%`: which change from one run to the next is too much."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Literal

from bench.errors import UsageError

HOW = (
    "write METRIC:-NUMBER or METRIC:+NUMBER, with % if it is a share of the first run, such as accuracy:-1.0 or time:+20%; "
    "metrics are accuracy, time, joules, memory, parameters and those of the records"
)
# Sums of floats: a change of exactly the number in the rule is not beyond it.
TOLERANCE = 1e-9

_RULE = re.compile(
    r"\s*(?P<metric>[^\s:]+)\s*:\s*(?P<sign>[+-])\s*(?P<amount>(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)\s*(?P<percent>%?)\s*",
    re.ASCII | re.IGNORECASE,
)


@dataclass(frozen=True)
class Rule:
    """`-`: a fall by more than `amount` offends; `+`: a rise by more than that."""

    metric: str
    sign: Literal["+", "-"]
    amount: float  # at least 0; percent where `relative`, else in the metric's unit
    relative: bool = False

    def __str__(self) -> str:
        return f"{self.metric}:{self.sign}{repr(self.amount).removesuffix('.0')}{'%' if self.relative else ''}"

    def is_broken_by(self, before: float, after: float) -> bool:
        """Whether the change of a mean, both in the metric's unit, goes beyond the rule.

        Relative to a mean of zero any change is beyond all bounds.
        """
        change = after - before
        if self.relative and change:
            change = 100 * change / abs(before) if before else math.copysign(math.inf, change)
        return (change if self.sign == "+" else -change) > self.amount + TOLERANCE


def parse_rule(text: str) -> Rule:
    """The rule that somebody typed; `parse_rule(str(rule)) == rule`. Raises UsageError, which says how to write one."""
    found = _RULE.fullmatch(text)
    amount = float(found["amount"]) if found else math.nan
    if found is None or not math.isfinite(amount):
        raise UsageError(f"can't read the rule {text!r}: {HOW}")
    return Rule(found["metric"], "+" if found["sign"] == "+" else "-", amount, bool(found["percent"]))
