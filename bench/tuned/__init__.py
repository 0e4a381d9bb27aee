"""Rates and lengths chosen on development tasks, for the bundled backbones: `tuned.json`, by `python -m studies.budgets`.

A published rate belongs to its paper's backbone and length. On a small tower within a budget of steps it may be far from what
the method can do, so that a table would rank rates. What is chosen here was chosen on tasks that are in no table.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

import msgspec

TUNED = "tuned"  # the mode of a recipe that takes them
MOVED = 0.02  # of the mean accuracy, from which on a method has not arrived
ANY = "*"  # in place of a method: all that have no choice of their own
ELSEWHERE = "classification"  # whose choice stands in for a kind that has none of its own
FILE = Path(__file__).parent / "tuned.json"


class Tuned(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a recipe is multiplied by, and what else was tried."""

    rate: float = 1.0
    length: float = 1.0  # the steps, before the budget's cap
    curve: list[tuple[float, float, float]] = []  # rate, length, mean score on the development tasks


class Tables(msgspec.Struct, frozen=True, omit_defaults=True):
    """Of one backbone."""

    name: str
    chosen: dict[str, dict[str, Tuned]] = {}  # by method, by kind of task
    arrived: dict[str, tuple[float, float]] = {}  # by method: mean accuracy under the budget, and with four times the steps

    @property
    def restless(self) -> list[str]:
        """Methods that have not arrived under the budget."""
        return sorted(name for name, (budget, longer) in self.arrived.items() if abs(longer - budget) >= MOVED)


@lru_cache(maxsize=1)
def tables() -> dict[str, Tables]:
    """All of them, by the backbone's fingerprint."""
    return msgspec.json.decode(FILE.read_bytes(), type=dict[str, Tables])


def tuned(fingerprint: str, method: str, kind: str) -> Tuned:
    """What was chosen for a method, or for any, on tasks of a kind, else on classification; else the published recipe."""
    table = tables().get(fingerprint)
    kinds = {} if table is None else table.chosen.get(method, table.chosen.get(ANY, {}))
    return kinds.get(kind, kinds.get(ELSEWHERE, Tuned()))


def code_with_choice(code: str, recipe: str, fingerprint: str, method: str, kind: str) -> str:
    """A method's code as a cell identifies it: another rate or length makes another cell of the same method."""
    chosen = tuned(fingerprint, method, kind)
    if not recipe.startswith(TUNED) or chosen.rate == chosen.length == 1:
        return code
    return hashlib.sha256(f"{code} {chosen.rate:g} {chosen.length:g}".encode()).hexdigest()[:12]
