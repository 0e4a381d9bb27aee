"""Which rate and length: a climb from the published ones, or from what makes up for fewer steps, while the score rises."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

RATES = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0)  # times the published ones
TIE = 0.005  # scores closer than this are alike: the rate nearer to the published one is taken
LONGER = 0.01  # what a length other than the published one must gain


@dataclass(frozen=True, order=True)
class Point:
    """What was tried, and the mean score there; 0 where it diverged."""

    rate: float
    length: float
    score: float


Try = Callable[[float, float], float]  # rate and length -> score


def choose(score: Try, longest: float) -> tuple[Point, list[Point]]:
    """The point that is taken, and all that were tried.

    longest: how many times the published length fits into the budget. Where it is 2 or more, that length is tried, too, from
    the best rate at the published one; where it is below 1, the climb starts at the rate that makes up for it.
    """
    published = climb(lambda rate: score(rate, 1.0), nearest(max(1.0, 1 / longest)), 1.0)
    best = taken(published)
    if longest < 2:
        return best, published
    longer = climb(lambda rate: score(rate, longest), best.rate, longest)
    found = taken(longer)
    return (found if found.score > best.score + LONGER else best), published + longer


def nearest(rate: float) -> float:
    """Of RATES."""
    return min(RATES, key=lambda other: abs(math.log(other / rate)))


def climb(score: Callable[[float], float], start: float, length: float) -> list[Point]:
    """The points that were tried: up from the start until the score falls twice or the rates end; likewise down.

    One step down is enough where the way up has led to something better than a tie.
    """
    tried = {start: score(start)}
    middle = RATES.index(start)
    for way in (RATES[middle + 1 :], RATES[:middle][::-1]):
        fallen = 0
        for rate in way:
            tried[rate] = score(rate)
            fallen = 0 if tried[rate] >= max(tried.values()) - TIE else fallen + 1
            risen = max(tried.values()) > tried[start] + TIE
            if fallen == 2 or (fallen and (risen or tried[rate] < tried[start] - 4 * TIE)):
                break
    return [Point(rate, length, tried[rate]) for rate in sorted(tried)]


def taken(points: Iterable[Point]) -> Point:
    """The best one; of those as good, the nearest to the published rate."""
    points = list(points)
    best = max(point.score for point in points)
    alike = [point for point in points if point.score >= best - TIE]
    return min(alike, key=lambda point: (max(point.rate, 1 / point.rate), -point.rate))
