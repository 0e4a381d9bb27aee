"""Which cell of one run belongs to which of another."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable
from dataclasses import dataclass

from bench.store.record import CellInfo, Record, headline
from bench.store.store import cell_key, newest


@dataclass(frozen=True)
class PairedCell:
    """The same cell in both runs."""

    a: Record
    b: Record

    @property
    def scored(self) -> bool:
        return has_score(self.a) and has_score(self.b)

    @property
    def lost(self) -> bool:
        """A score that was there and is not any more."""
        return has_score(self.a) and not has_score(self.b)

    @property
    def gained(self) -> bool:
        return not has_score(self.a) and has_score(self.b)


@dataclass(frozen=True)
class Strangers:
    """The same label, task, shots and seed in both runs, and yet nothing that could be compared."""

    a: Record
    b: Record
    reason: str


@dataclass(frozen=True)
class Pairing:
    pairs: tuple[PairedCell, ...]
    strangers: tuple[Strangers, ...]
    only_a: tuple[Record, ...]
    only_b: tuple[Record, ...]


def pair_cells(a: Iterable[Record], b: Iterable[Record]) -> Pairing:
    """Pairs of cells with the same method, parameters, task and version, shots, seed, protocol, recipe, precision, quick
    flag and backbone fingerprint, and the same support and test examples where both records name them.

    a, b: all records of each run. The code of a method may differ between them: what a change of it does is what a
    comparison is to tell. Of several records of a cell the one that counts is taken, of several codes the last one.
    """
    ours, theirs = newest(a), newest(b)
    pairs, strangers = [], []
    met = [(ours.pop(key), theirs.pop(key)) for key in [key for key in ours if key in theirs]]
    by_place = {_place(record.cell): key for key, record in theirs.items()}
    for key, left in list(ours.items()):
        other = by_place.pop(_place(left.cell), None)
        if other is not None:
            met.append((ours.pop(key), theirs.pop(other)))
    for left, right in met:
        reason = _other_cell(left.cell, right.cell) or _other_examples(left, right)
        if reason:
            strangers.append(Strangers(left, right, reason))
        else:
            pairs.append(PairedCell(left, right))
    return Pairing(tuple(pairs), tuple(strangers), tuple(ours.values()), tuple(theirs.values()))


def has_score(record: Record) -> bool:
    score = headline(record)
    return record.status == "ok" and score is not None and math.isfinite(score)


def _place(cell: CellInfo) -> Hashable:
    return cell.label, cell_key(cell, ("method_code", "params", "task_version", "fingerprint"))


def _other_cell(a: CellInfo, b: CellInfo) -> str:
    reasons = []
    if a.fingerprint != b.fingerprint:
        reasons.append(f"the backbone's fingerprint is {a.fingerprint} in A and {b.fingerprint} in B")
    if a.task_version != b.task_version:
        reasons.append(f"the task's version is {a.task_version} in A and {b.task_version} in B")
    # The labels are equal, so that a parameter that only one of the two versions knows is at its default in that one.
    for name in sorted(a.params.keys() & b.params.keys()):
        if a.params[name] != b.params[name]:
            reasons.append(f"parameter {name} is {a.params[name]} in A and {b.params[name]} in B")
    return "; ".join(reasons)


def _other_examples(a: Record, b: Record) -> str | None:
    if a.data is None or b.data is None:
        return None
    if a.data.support_hash != b.data.support_hash:
        return "the supports hold other examples"
    return "the test sets hold other examples" if a.data.test_hash != b.data.test_hash else None
