"""From what the search found to the answer."""

from __future__ import annotations

import math

import numpy as np

from bench.advise.advice import Advice, Choice, Labels, Left, More, Point
from bench.advise.asked import Asked
from bench.advise.curve import fit_curve
from bench.advise.entrants import Entrant, distinct
from bench.advise.expected import INTERVAL, Compared, Expected
from bench.advise.material import Material
from bench.advise.race import LAST, Clock, Search
from bench.kinds import KINDS

TIMES = (2, 4)  # as many labels as now


def answer(asked: Asked, drawn: Material, search: Search, clock: Clock, adapter: str | None, use: list[str]) -> Advice:
    """Of a search that has leaders."""
    task, leaders, folds = drawn.task, search.leaders(), list(search.compared)
    compared = Compared(leaders, folds)
    found = compared.expected()
    choices = [_choice(one, folds, compared, place) for place, one in enumerate(leaders)]
    untrained = next((one for one in leaders if not one.learns), None)
    return Advice(
        task=task.name,
        source=asked.source,
        kind=task.kind,
        metric=KINDS[task.kind].headline_title,
        classes=len(task.class_names),
        available=drawn.available,
        examples=drawn.examples,
        folds=len(folds),
        of_folds=drawn.count,
        held_out=len(compared.entries),
        seed=asked.seed,
        recommended=choices[0],
        expected=found.score,
        low=found.low,
        high=found.high,
        interval=INTERVAL,
        untrained=None if untrained is None else untrained.score(folds),
        alternatives=[choices[leaders.index(one)] for one in distinct(leaders)[1:LAST]],
        ranking=choices,
        labels=_labels(drawn, search),
        left=_left(search),
        notes=_notes(asked, drawn, search, adapter, found),
        adapter=adapter,
        use=use,
        minutes=asked.minutes,
        seconds=clock.spent,
        cells=search.done,
    )


def _choice(one: Entrant, folds: list[int], compared: Compared, place: int) -> Choice:
    costs, records = one.costs, one.records.values()
    stored = [record.parameters.stored_bytes for record in records if record.parameters is not None]
    low, high = compared.ahead(place) if place else (0.0, 0.0)
    scores = compared.scores(np.ones((1, len(compared.entries))))[0]
    return Choice(
        label=one.label,
        backbone=one.backbone,
        family=one.family,
        score=one.score(folds),
        folds=[one.score([fold]) for fold in folds],
        behind=float(scores[0] - scores[place]),
        behind_low=low,
        behind_high=high,
        parameters=costs.parameters,
        stored_bytes=max(stored, default=None),
        fit_s=one.fit_seconds,
        memory_bytes=costs.memory_bytes,
        predict_ms=costs.predict_ms,
    )


def _labels(drawn: Material, search: Search) -> Labels | None:
    """Of the best that learns, on the folds on which it was finished with every part."""
    leader = search.learner()
    if leader is None:
        return None
    of = next((one for one in (leader, leader.parent) if one and any(part.named == one.named for part in search.parts)), None)
    if of is None:
        return Labels(label=leader.label, reason="the time was up before it could learn from fewer examples: give more --minutes")
    sizes = [*(part for part in search.parts if part.backbone == of.backbone), of]
    folds = [fold for fold in search.compared if all(fold in one.held for one in sizes)]
    if not folds:
        return Labels(label=of.label, reason="no fold was finished with every size of support: give more --minutes")
    counts = np.array([[one.records[fold].data.n_support for one in sizes] for fold in folds])  # type: ignore[union-attr]
    errors = np.array([[1 - one.score([fold]) for one in sizes] for fold in folds])
    points = [Point(examples=float(n), error=float(e)) for n, e in zip(counts.mean(0), errors.mean(0), strict=True)]
    try:
        curve = fit_curve(counts, errors)
    except ValueError as reason:
        return Labels(label=of.label, points=points, reason=str(reason))
    more = []
    for times in TIMES:
        gain, low, high = curve.gain(drawn.examples, times * drawn.examples)
        more.append(More(times=times, examples=times * drawn.examples, gain=gain, low=low, high=high))
    return Labels(label=of.label, points=points, a=curve.a, b=curve.b, c=curve.c, more=more)


def _left(search: Search) -> list[Left]:
    """Who isn't compared, and why."""
    found = []
    for one in search.entrants:
        if not one.reason and one.held.keys() >= set(search.compared):
            continue
        reason, figure = one.reason or "the time was up before its turn came", one.figure
        if not one.reason and one.parent is not None:
            reason = f"other values for {one.parent.label}: the time was up before they were through"
        elif not one.reason and one.held:
            folds = sorted(one.held)
            reason = f"left the race after {len(folds)} of {len(search.compared)} folds"
            figure = f"{100 * one.score(folds):.1f}"
        found.append(Left(label=one.label, backbone=one.backbone, reason=reason, figure=figure))
    return found


def _notes(asked: Asked, drawn: Material, search: Search, adapter: str | None, found: Expected) -> list[str]:
    """What a reader should know."""
    leaders = search.leaders()
    untrained = max((one.score(search.compared) for one in leaders if not one.learns), default=None)
    notes = list(drawn.task.notes)
    if drawn.examples < drawn.available:
        unit = "of each class" if drawn.task.class_names else "shots"
        why = f"--shots {asked.shots}" if asked.shots else "so that it ends in time; --shots takes another number"
        notes.append(f"used are {drawn.examples} of {drawn.available} labelled examples, at most {drawn.most} {unit} ({why})")
    kept = drawn.examples - sum(len(fold.task.test) for fold in search.folds)
    if kept:
        notes.append(f"{kept} examples were always learnt from and never held out: their classes have no other image")
    if len(search.compared) < drawn.count:
        notes.append(f"the time was up after {len(search.compared)} of {drawn.count} folds: more --minutes make the answer surer")
    if adapter is None:
        notes.append("the time was up before it could be fitted to all examples: the same command goes on, with more --minutes")
    if untrained is not None and leaders[0].learns and found.score <= untrained:
        notes.append("once corrected it is expected to be no better than the backbone without training: label more to be sure")
    if math.isclose(leaders[0].score(search.compared), 1.0):
        notes.append("it was right on all held-out images: they are too few, or too easy, to tell it from others as good")
    return notes
