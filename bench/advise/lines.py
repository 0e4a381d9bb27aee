"""The advice as lines of plain text."""

from __future__ import annotations

from collections.abc import Iterator

from bench.advise.advice import Advice, Choice, Labels
from bench.advise.limits import megabytes
from bench.text import plain
from methods.contract.declared import UNTRAINED

MOST_REASONS = 8
MOST_WHY = 200  # characters of a reason
NAMES_EACH = 6


def told(advice: Advice) -> list[str]:
    """All of it, for a terminal."""
    notes = [plain(f"note: {note}") for note in advice.notes]
    return [about(advice), *notes, "", *_recommended(advice), "", *_others(advice), *_more(advice), *_left(advice), *_use(advice)]


def about(advice: Advice) -> str:
    """What it is about."""
    classes = f", {advice.classes} classes" if advice.classes else ""
    return plain(
        f"{advice.task}: {advice.kind}{classes}, {advice.examples} labelled train examples, "
        f"compared on {advice.folds} fold{'s' if advice.folds > 1 else ''} of them ({advice.held_out} held-out images)"
    )


def _recommended(advice: Advice) -> Iterator[str]:
    one = advice.recommended
    untrained = "" if advice.untrained is None or one.family == UNTRAINED else f"; {points(advice.untrained)} without training"
    yield plain(f"use {named(one, advice)}")
    yield f"  {advice.metric}: {points(advice.expected)} expected, {points(advice.low)} to {points(advice.high)}{untrained}"
    yield f"  costs: {', '.join(costs(one))}"
    yield f"  ({points(one.score)} on the folds; what is expected is corrected for its having been chosen;"
    yield f"  {advice.interval})"


def _others(advice: Advice) -> Iterator[str]:
    if advice.alternatives:
        yield "next best"
    for one in advice.alternatives:
        ahead = f"{points(one.behind)} points behind on the folds ({points(one.behind_low)} to {points(one.behind_high)})"
        yield f"  {plain(named(one, advice))}: {ahead}"
        yield f"    {', '.join(costs(one, advice.recommended))}"
    if advice.alternatives:
        yield ""


def _more(advice: Advice) -> Iterator[str]:
    if advice.labels is not None:
        yield plain(f"more labels, for {advice.labels.label}")
        yield from (f"  {line}" for line in more_lines(advice.labels))
        yield ""


def more_lines(labels: Labels) -> list[str]:
    """What more labels would bring, or why that isn't known."""
    if labels.reason:
        return [plain(f"not known: {labels.reason}")]
    return [
        f"{each.times} times as many ({each.examples}): {_change(each.gain)} points, {_change(each.low)} to {_change(each.high)}"
        for each in labels.more
    ]


def _change(score: float) -> str:
    return f"{100 * score:+.1f}"


def _left(advice: Advice) -> Iterator[str]:
    reasons = by_reason(advice)
    if reasons:
        yield "not compared to the end"
    for why, names in reasons[:MOST_REASONS]:
        more = f" and {len(names) - NAMES_EACH} more" if len(names) > NAMES_EACH else ""
        yield f"  {plain(why, MOST_WHY)}: {plain(', '.join(names[:NAMES_EACH]))}{more}"
    if len(reasons) > MOST_REASONS:
        yield f"  and {sum(len(names) for _, names in reasons[MOST_REASONS:])} more, see advice.html"
    if reasons:
        yield ""


def by_reason(advice: Advice) -> list[tuple[str, list[str]]]:
    """Why methods aren't compared, and which, the commonest reason first."""
    found: dict[str, list[str]] = {}
    for one in advice.left:
        name = one.label if one.backbone == advice.recommended.backbone else f"{one.label} on {one.backbone}"
        found.setdefault(one.reason, []).append(f"{name} ({one.figure})" if one.figure else name)
    return sorted(found.items(), key=lambda each: -len(each[1]))


def _use(advice: Advice) -> Iterator[str]:
    if advice.use:
        yield "to use it"
        yield from (f"  {line}" for line in advice.use)


def named(one: Choice, advice: Advice) -> str:
    """With its backbone where several took part."""
    several = len({each.backbone for each in advice.ranking} | {each.backbone for each in advice.left}) > 1
    return f"{one.label} on {one.backbone}" if several else one.label


def points(score: float) -> str:
    return f"{100 * score:.1f}"


def costs(one: Choice, than: Choice | None = None) -> list[str]:
    """What it costs, each figure in words; beside another with the difference."""
    found = []
    if one.parameters is not None:
        more = "" if than is None or than.parameters is None else f" ({one.parameters - than.parameters:+,})"
        found.append(f"{one.parameters:,} trained parameters{more}")
    if one.fit_s is not None:
        more = "" if than is None or than.fit_s is None else f" ({one.fit_s - than.fit_s:+.2g} s)"
        found.append(f"{one.fit_s:.3g} s to fit{more}")
    if one.memory_bytes is not None:
        sign = "" if than is None or than.memory_bytes is None else _signed(one.memory_bytes - than.memory_bytes)
        found.append(f"{megabytes(one.memory_bytes)} of memory{sign}")
    if one.predict_ms is not None:
        more = "" if than is None or than.predict_ms is None else f" ({one.predict_ms - than.predict_ms:+.2g} ms)"
        found.append(f"{one.predict_ms:.3g} ms per image{more}")
    if one.stored_bytes is not None and than is None:
        found.append(f"{megabytes(one.stored_bytes)} stored")
    return found


def _signed(difference: int) -> str:
    return f" ({'-' if difference < 0 else '+'}{megabytes(abs(difference))})" if difference else ""
