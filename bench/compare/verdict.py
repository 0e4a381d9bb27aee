"""Two runs side by side, and what offends the rules that somebody set."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.compare.changes import SCORE, Change, ChangedRow, Level, changed_rows
from bench.compare.pairing import PairedCell, Pairing, pair_cells
from bench.compare.rules import Rule, parse_rule
from bench.errors import UsageError, unknown
from bench.store.record import Record
from bench.store.shards import find_shards, read_lines, readable

COST_RULES = {
    "time": ("time",),
    "joules": ("joules measured", "joules estimated"),
    "memory": ("memory",),
    "parameters": ("parameters",),
}


@dataclass(frozen=True)
class Offence:
    """A row that changed by more than a rule allows."""

    rule: Rule
    figure: str
    row: ChangedRow
    change: Change


@dataclass(frozen=True)
class Comparison:
    a: Path
    b: Path
    level: Level
    rules: tuple[Rule, ...]
    pairing: Pairing
    rows: list[ChangedRow]
    offences: list[Offence]
    lost: list[PairedCell]  # scored in A, not in B: they offend where `lost_offends`
    lost_offends: bool  # whether any rule is on a score
    problems: list[str]  # lines of either that were passed over
    devices: tuple[tuple[str, ...], tuple[str, ...]]  # that the compared cells of A and of B ran on

    @property
    def failed(self) -> bool:
        return bool(self.offences) or (self.lost_offends and bool(self.lost))


def compare(a: Path, b: Path, rules: Sequence[str | Rule] = (), level: Level = "method") -> Comparison:
    """Compare two results folders, or files of records, cell by cell.

    level: what a rule is held against: the mean change of each method, of each method on each task, or of each cell.
    Raises UsageError for a rule that can't be read, that names no metric of the records, or that nothing could be held
    against, and for a folder without records.
    """
    parsed = tuple(parse_rule(rule) if isinstance(rule, str) else rule for rule in rules)
    problems: list[str] = []
    ours, theirs = (_records(source, problems) for source in (a, b))
    metrics = {name for record in (*ours, *theirs) for name in record.metrics}
    for rule in parsed:
        if rule.metric not in {"accuracy", *COST_RULES, *metrics}:
            raise unknown("metric of a rule", rule.metric, {"accuracy", *COST_RULES, *metrics})
    pairing = pair_cells(ours, theirs)
    found = changed_rows(pairing.pairs, level)
    lost = [pair for pair in pairing.pairs if pair.lost]
    lost_offends = any(rule.metric not in COST_RULES for rule in parsed)
    offences = []
    for rule in parsed:
        names = COST_RULES.get(rule.metric) or (SCORE if rule.metric == "accuracy" else rule.metric,)
        judged = [(row, name, row.changes[name]) for row in found for name in names if name in row.changes]
        if not judged and not (lost and lost_offends):
            raise UsageError(f"rule {rule} has nothing to judge: {_why_nothing(rule, pairing)}")
        offences += [
            Offence(rule, name, row, change) for row, name, change in judged if rule.is_broken_by(change.before, change.after)
        ]
    return Comparison(a, b, level, parsed, pairing, found, offences, lost, lost_offends, problems, _devices(pairing.pairs))


def _records(source: Path, problems: list[str]) -> list[Record]:
    found = list(readable(read_lines(find_shards(source)), problems))
    if not found:
        raise UsageError(f"{source}: no line here is a record: give a results folder that 'python -m bench run --out' wrote")
    return found


def _why_nothing(rule: Rule, pairing: Pairing) -> str:
    if any(pair.scored for pair in pairing.pairs):
        return f"no cell has {rule.metric} in both runs, of the same quality"
    if pairing.strangers:
        return f"no cell is comparable; of {len(pairing.strangers)} the first: {pairing.strangers[0].reason}"
    return "no cell has a score in both runs: compare runs of the same methods, tasks, shots and seeds"


def _devices(pairs: Iterable[PairedCell]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    both: tuple[set[str], set[str]] = set(), set()
    for pair in pairs:
        for record, found in zip((pair.a, pair.b), both, strict=True):
            if record.provenance is not None:
                found.add(record.provenance.device)
    return tuple(sorted(both[0])), tuple(sorted(both[1]))
