"""By how much the figures of paired cells changed."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtrit

from bench.compare.pairing import PairedCell
from bench.report.numbers import sizes
from bench.report.numbers.section import SECTION, Section
from bench.report.numbers.statistics import CONFIDENCE
from bench.store.record import Record, headline

Level = Literal["method", "task", "cell"]
SCORE = "score"  # the headline of the kind
MEBIBYTE = 2**20


@dataclass(frozen=True)
class Change:
    """Means over the pairs that have the figure in both runs, and how sure their difference is."""

    unit: str
    before: float
    after: float
    half_width: float | None  # of the 95% interval of `change`; None where nothing was drawn twice
    pairs: int

    @property
    def change(self) -> float:
        return self.after - self.before

    @property
    def percent(self) -> float | None:
        """None where the first mean is zero."""
        return 100 * self.change / abs(self.before) if self.before else None


@dataclass(frozen=True)
class ChangedRow:
    """One method, one method on one task, or one cell: what is None is taken together."""

    section: Section
    label: str
    task: str | None
    shots: int | None  # as tables count them, bench/report/numbers/sizes.py
    seed: int | None
    changes: dict[str, Change]

    @property
    def size(self) -> int | str | None:
        """`shots` as typed on the command line."""
        return None if self.shots is None else sizes.typed(self.shots)

    @property
    def where(self) -> str:
        """One line; not escaped."""
        parts = [self.label, f" on {self.task}" if self.task else f" on {self.section.kind} tasks"]
        parts += [f", {sizes.title(self.shots)}"] if self.shots is not None else []
        parts += [f", seed {self.seed}"] if self.seed is not None else []
        return "".join(parts)


def changed_rows(pairs: Iterable[PairedCell], level: Level) -> list[ChangedRow]:
    """One row for each method, method and task, or cell, of the pairs with a score in both runs; methods of different
    sections (kind, backbone, protocol and what else keeps tables apart) are different rows. Labels and backbones are B's."""
    grouped: dict[tuple[Section, str, str | None, int | None, int | None], list[PairedCell]] = {}
    for pair in pairs:
        if not pair.scored:
            continue
        cell = pair.b.cell
        task = None if level == "method" else cell.task
        shots, seed = (sizes.number(cell), cell.seed) if level == "cell" else (None, None)
        grouped.setdefault((section_of(pair.b), cell.label, task, shots, seed), []).append(pair)
    order = sorted(grouped, key=lambda key: (key[0].title, key[0].fingerprint, key[1], key[2] or "", key[3] or 0, key[4] or 0))
    return [ChangedRow(*key, changes=_changes(grouped[key])) for key in order]


def section_of(record: Record) -> Section:
    cell = record.cell
    return Section(**{name: getattr(cell, name) for name in SECTION if name != "board"})


def figures(record: Record) -> dict[str, tuple[float, str]]:
    """Figures of a record by name, with units: score and shares in points (hundredths), stand-alone costs.

    Metrics of which more is better are shares and are given in points; the others keep their own scale.
    Joules of different quality are different figures.
    """
    found: dict[str, tuple[float, str]] = {}
    for name, metric in record.metrics.items():
        found[name] = (100 * metric.value, "points") if metric.higher_is_better else (metric.value, "")
    score = headline(record)
    if score is not None:
        found[SCORE] = 100 * score, "points"
    if record.parameters is not None:
        found["parameters"] = record.parameters.trainable, ""
    if record.time_s is not None:
        found["time"] = record.time_s.total, "s"
    energy = record.energy_j
    if energy is not None and energy.total is not None and energy.quality != "unavailable":
        found[f"joules {energy.quality}"] = energy.total, "J"
    if record.memory_bytes is not None and record.memory_bytes.total is not None:
        found["memory"] = record.memory_bytes.total / MEBIBYTE, "MiB"
    return {name: figure for name, figure in found.items() if math.isfinite(figure[0])}


def _changes(pairs: Sequence[PairedCell]) -> dict[str, Change]:
    both = [(pair.a.cell, figures(pair.a), figures(pair.b)) for pair in pairs]
    names = dict.fromkeys(name for _, a, b in both for name in a if name in b)
    result = {}
    for name in names:
        found = [(cell, a[name], b[name]) for cell, a, b in both if name in a and name in b]
        before = np.array([a for _, (a, _), _ in found])
        after = np.array([b for _, _, (b, _) in found])
        draws = [(cell.task, cell.seed) for cell, _, _ in found]
        unit = found[0][2][1]
        result[name] = Change(
            unit, before.mean().item(), after.mean().item(), clustered_half_width(after - before, draws), len(found)
        )
    return result


def clustered_half_width(differences: ArrayLike, draws: Sequence[Hashable]) -> float | None:
    """Half the width of the 95% Student-t interval of the mean of paired differences [n].

    draws: which draw each difference belongs to. Supports nest across shot counts, so the cells of one task and seed are
    one draw, not several: the variance of the mean is taken over the draws' sums of residuals (clustered, Liang and Zeger,
    Biometrika 1986, with the factor G / (G - 1) for G draws), with G - 1 degrees of freedom. With draws of equal size it is
    the plain interval over the draws' means. None for a single draw.
    """
    values = np.asarray(differences, dtype=float)
    residuals = values - values.mean()
    sums: dict[Hashable, float] = {}
    for draw, residual in zip(draws, residuals.tolist(), strict=True):
        sums[draw] = sums.get(draw, 0.0) + residual
    count = len(sums)
    if count < 2:
        return None
    error = math.sqrt(count / (count - 1) * sum(value**2 for value in sums.values())) / values.size
    return float(stdtrit(count - 1, 0.5 + CONFIDENCE / 2) * error)
