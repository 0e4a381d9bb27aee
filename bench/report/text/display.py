"""Numbers as a reader wants them: scores in percent, costs with three significant digits. An empty string for None."""

from __future__ import annotations

import math
from collections.abc import Sequence

from bench.report.numbers.statistics import Estimate
from bench.report.numbers.summary import Row, TaskScore


def score(estimate: Estimate | None) -> str:
    """A score and the half width of its interval, both in points: "71.3 ± 1.2"."""
    if estimate is None:
        return ""
    mean = f"{100 * estimate.mean:.1f}"
    return mean if estimate.half_width is None else f"{mean} ± {100 * estimate.half_width:.1f}"


def row_score(row: Row, shots: int, seeds: int) -> str:
    """A method's mean; that of one which lacks some of the table's `seeds` says over how many it is."""
    found, part = row.scores.get(shots), row.partial.get(shots)
    return f"{score(part)} ({part.count} of {seeds} seeds)" if found is None and part is not None else score(found)


def percent(share: float | None) -> str:
    """A share 0..1 in points: "71.3"."""
    return "" if share is None else f"{100 * share:.1f}"


def interval(ends: tuple[float, float] | None) -> str:
    """Both ends in points: "[70.1, 72.4]"."""
    return "" if ends is None else f"[{100 * ends[0]:.1f}, {100 * ends[1]:.1f}]"


def task_score(found: TaskScore | None) -> str:
    """One method on one task at one shot count; what keeps it from being whole is said in the cell."""
    if found is None or found.asked == 0:
        return ""
    if found.estimate is not None:
        part = "" if found.ok == found.asked else f" ({found.ok} of {found.asked} seeds)"
        return score(found.estimate) + part
    return why_empty(found)


def why_empty(found: TaskScore) -> str:
    """Why there is no score at all."""
    if found.failed:
        return "failed"
    return "n/a" if found.not_applicable else "missing"


def points(difference: float | None) -> str:
    """A difference of two scores, in points with its sign."""
    return "" if difference is None else f"{100 * difference:+.1f}"


def significant(value: float | None) -> str:
    """Three significant digits, never as a power of ten: 0.0123, 1.23, 12.3, 12,300."""
    if value is None or not math.isfinite(value):
        return ""
    if value == 0:
        return "0"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{float(f'{value:.3g}'):,.{digits}f}"


def estimated(value: float | None) -> str:
    """As `significant`, with the mark of an estimate."""
    return "" if value is None else f"~{significant(value)}"


def mebibytes(size: float | None) -> str:
    return "" if size is None else significant(size / 2**20)


def kibibytes_range(sizes: tuple[int, int] | None, to: str = " to ") -> str:
    return "" if sizes is None else _range([significant(size / 2**10) for size in sizes], to)


def whole_range(values: tuple[int, int] | None) -> str:
    """One number where both ends agree."""
    if values is None:
        return ""
    return f"{values[0]:,}" if values[0] == values[1] else f"{values[0]:,} to {values[1]:,}"


def brief_range(values: tuple[int, int] | None) -> str:
    """Three significant digits and a letter, both ends with a dash between: "774" and "1.29k", or "1.96M" alone."""
    return "" if values is None else _range([brief(float(f"{value:.3g}")) for value in values], "\N{EN DASH}")


def brief(value: float) -> str:
    """A round number in few characters: 0.5, 20, 5k, 100k, 2M."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"


def share_range(values: tuple[float, float] | None, to: str = " to ") -> str:
    """Shares 0..1 as percentages with two significant digits."""
    if values is None:
        return ""
    return _range([f"{float(f'{100 * value:.2g}'):.12f}".rstrip("0").rstrip(".") for value in values], to) + "%"


def _range(ends: Sequence[str], to: str) -> str:
    """One number where both ends read the same."""
    low, high = ends
    return low if low == high else f"{low}{to}{high}"


def p_value(value: float | None) -> str:
    if value is None:
        return ""
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def win_tie_loss(counts: tuple[int, int, int] | None) -> str:
    return "" if counts is None else " / ".join(map(str, counts))


def gaps(row: Row) -> str:
    """Cells that gave no score, by reason; empty if there are none."""
    parts = ((row.missing, "missing"), (row.failed, "failed"), (row.not_applicable, "n/a"))
    return ", ".join(f"{count} {what}" for count, what in parts if count)
