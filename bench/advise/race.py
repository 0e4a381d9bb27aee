"""Which cell comes next: successive halving over folds, until the time is up.

Everyone is tried on one fold, zero-shot first and then the cheapest first; the better half of them, or as many as the time
allows on all folds that are left, go on to the next fold, and so on (Jamieson and Talwalkar, AISTATS 2016, with folds in
place of longer training). Who couldn't be tried at first is, if time is left. Then the leader learns from smaller parts of
the same folds, for its curve, and the last few are tried with other values of their parameters.

A cell is handed out only if its predicted seconds fit into those that are left, and none may take more than its share.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Collection, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.advise.entrants import Entrant, Fold, better, by_key, held
from bench.advise.forecast import Forecast
from bench.advise.limits import Limits
from bench.errors import StoreError
from bench.executors.schedule import Group, Schedule
from bench.plan.grid import Cell
from bench.store.record import Record
from bench.store.store import cell_key

LEAST_TESTED = 24  # images that one must have been scored on before the worse half leaves
LAST = 3  # that go on to the last fold, whatever the time
FIRST_SHARE = 0.5  # of the time at most, for everyone's first fold
CELL_SHARE = 0.15  # of the time at most, for one cell
CURVE_SHARE = 0.2  # of the time at most, for the curve


@dataclass
class Clock:
    """Seconds of the whole job, from when it began."""

    whole: float
    begun: float = field(default_factory=time.monotonic)
    reserved: float = 0.0  # at the end, for the last fit and the answer

    @property
    def spent(self) -> float:
        return time.monotonic() - self.begun

    @property
    def left(self) -> float:
        """Until the search has to end."""
        return self.whole - self.reserved - self.spent


class Search(Schedule):
    """Hands out cells stage by stage: the next stage begins when all cells of the one before have a record."""

    def __init__(
        self,
        entrants: Sequence[Entrant],
        folds: Sequence[Fold],
        forecast: Forecast,
        clock: Clock,
        out: Path,
        *,
        limits: Limits,
        known: Callable[[Hashable], Record | None],
        curve: Callable[[Entrant], Sequence[Entrant]],
        variants: Callable[[Entrant], Sequence[Entrant]],
        last_fit: Callable[[float, float], float],
        workers: int = 1,
    ) -> None:
        """known: the record of a cell, by its key, if the store has one that counts. curve: the leader as it learns from parts.
        variants: one with other values of its parameters. last_fit: seconds to reserve at the end, of those that workers take to
        start and those of a fold."""
        super().__init__([])
        self.entrants, self.folds, self.forecast, self.clock = list(entrants), list(folds), forecast, clock
        self.compared: list[int] = [fold.number for fold in self.folds[:1]]  # folds that all who are still in were tried on
        self.parts: list[Entrant] = []  # the leader, learning from parts of the folds
        self.done = 0  # cells that have run
        self.startup = 0.0  # seconds that workers took to come up, once the first cell is back
        self._out, self._limits, self._known = out, limits, known
        self._curve, self._variants, self._last_fit, self._workers = curve, variants, last_fit, workers
        self._until = clock.whole  # seconds from the beginning at which the stage ends
        self._owners = by_key(self.entrants)
        self._given: dict[Hashable, float] = {}  # limits in seconds of the cells that run, by key
        self._handed_out = 0.0  # when the first cell was
        self._waiting: deque[Cell] = deque()
        self._stages = self._plan()
        self._finished = False
        self._advance()

    def __len__(self) -> int:
        """At least the cells that can be handed out; one more while there may be another stage."""
        return 0 if self.draining or self._finished else len(self._waiting) + 1

    def next(self, group: Group | None = None, taken: Collection[Group] = ()) -> Cell | None:
        while not self.draining and not self._finished:
            while self._waiting:
                cell = self._waiting.popleft()
                if (most := self._affordable(cell)) is not None:
                    self._handed_out = self._handed_out or self.clock.spent
                    self._given[cell.key] = most
                    return cell
            if self._given:
                return None  # the stage isn't over
            self._advance()
        return None

    def overdue(self, cell: Cell, seconds: float) -> bool:
        return seconds > self._given.get(cell.key, math.inf) or self._time_for(self._owners[cell.key][0]) < 0

    def finish(self, record: Record) -> None:
        """The record is in the store: whoever it belongs to has its score."""
        key = cell_key(record.cell)
        del self._given[key]
        if not self.done and record.time_s is not None:
            ours = record.time_s.bank_spent + record.time_s.fit + record.time_s.predict
            self.startup = max(0.0, self.clock.spent - self._handed_out - ours)
        self.done += 1
        self._take(key, record)

    def _take(self, key: Hashable, record: Record) -> None:
        one, number = self._owners[key]
        self.forecast.take(record, one)
        if record.status == "ok":
            fold = self._fold(number)
            try:
                one.take(number, record, held(record, fold.task.test, self._out))
            except (OSError, ValueError, KeyError, StoreError) as error:
                one.reason = one.reason or f"its predictions can't be read: {error}"
            one.keep_to(self._limits)
        elif not one.reason:
            message = record.error.message.partition("\n")[0] if record.error else ""
            if record.status == "timeout":
                one.reason, one.figure = "was stopped, as it took too long", message
            else:
                one.reason = f"{record.status.replace('_', ' ')}: {message}"

    def _fold(self, number: int) -> Fold:
        return next(fold for fold in self.folds if fold.number == number)

    def seconds(self, one: Entrant, number: int) -> float:
        return self.forecast.seconds(one.cells[number], one, self.examples(number))

    def examples(self, number: int) -> int:
        task = self._fold(number).task
        return len(task.train) + len(task.test)

    def _time_for(self, one: Entrant) -> float:
        """Seconds until its cells have to end. What trains nothing may take half of what is kept, so that there is an answer."""
        return self.clock.left + (0.0 if one.learns else self.clock.reserved / 2)

    def _affordable(self, cell: Cell) -> float | None:
        """The seconds that the cell may take; None, with the reason told, if it doesn't come to run."""
        one, number = self._owners[cell.key]
        if one.reason:
            return None
        wanted = self.seconds(one, number)
        most = min(self.clock.left, CELL_SHARE * self.clock.whole)
        if not one.learns:
            return left if (left := self._time_for(one)) > 0 else None
        if wanted <= min(most, self._until - self.clock.spent):
            return most
        if not one.held:
            long = wanted > CELL_SHARE * self.clock.whole
            why = f"none may take more than {CELL_SHARE:.0%} of the time" if long else "that much wasn't left"
            one.reason, one.figure, one.late = f"would take too long a fold: {why}", f"about {wanted:.0f} s", not long
        return None

    def _advance(self) -> None:
        """The cells of the next stage that has any to run; what the store knows of a stage is taken from there."""
        while not self._waiting:
            stage = next(self._stages, None)
            if stage is None:
                self._finished = True
                return
            for cell in stage:
                record = self._known(cell.key)
                if record is None or record.status == "timeout":
                    self._waiting.append(cell)
                else:
                    self._take(cell.key, record)

    def _plan(self) -> Iterator[list[Cell]]:
        """The stages in their order."""
        numbers = [fold.number for fold in self.folds]
        untrained, learners = ([one for one in self.entrants if one.learns is learns] for learns in (False, True))
        yield self._cells(untrained, numbers[:1])
        backbones = list(dict.fromkeys(one.backbone for one in learners))
        end = self.clock.spent + FIRST_SHARE * max(0.0, self.clock.left)
        for place, backbone in enumerate(backbones):
            self._until = self.clock.spent + (end - self.clock.spent) / (len(backbones) - place)
            yield self._cells([one for one in learners if one.backbone == backbone], numbers[:1])
        self._until = self.clock.whole
        self.compared = numbers[:1]
        for place in range(1, len(numbers)):
            going_on = self._going_on(numbers[place:])
            if not going_on and self.learner() is not None:
                break  # nobody can be tried further, and what there is so far counts
            going_on += [one for one in untrained if one.held]
            yield self._cells(going_on, [numbers[place]])
            if any(numbers[place] not in one.held for one in going_on if not one.reason):
                break  # the time is up, and those that ran are not the best but the cheapest
            self.compared = numbers[: place + 1]
        yield from self._latecomers()
        yield from self._curve_of_leader()
        yield from self._other_values()

    def _cells(self, entrants: Sequence[Entrant], numbers: Sequence[int]) -> list[Cell]:
        """Fold by fold and backbone by backbone, the cheapest first."""
        for one in entrants:
            one.keep_to(self._limits)
        there = [one for one in entrants if not one.reason]
        order = list(dict.fromkeys(one.backbone for one in self.entrants))
        return [
            one.cells[number]
            for number in numbers
            for one in sorted(there, key=lambda one: (order.index(one.backbone), self.seconds(one, number)))
        ]

    def _going_on(self, left: Sequence[int]) -> list[Entrant]:
        """The better half, where they have been tried enough to tell, and no more than the time allows on all folds left."""
        last = [self._last_fit(self.startup, self.seconds(one, left[0])) for one in self.leaders()[:LAST]]
        self.clock.reserved = max(last, default=self.clock.reserved)
        ranked = [one for one in self.leaders() if one.learns]
        if ranked and ranked[0].tested >= LEAST_TESTED:
            ranked = ranked[: max(LAST, -(-len(ranked) // 2))]
        seconds = self._to_spend
        found: list[Entrant] = []
        for one in ranked:  # the best first, but where a dear one doesn't fit a cheaper one may
            wanted = [self.seconds(one, number) for number in left]
            if sum(wanted) <= seconds and max(wanted) <= CELL_SHARE * self.clock.whole:
                found.append(one)
                seconds -= sum(wanted)
        for one in ranked if found else ():
            if one not in found:
                one.reason = f"left the race after {len(one.held)} of {len(self.folds)} folds, as the others would take too long"
                one.figure = f"{100 * one.score(self.compared):.1f}"
        return found

    @property
    def _to_spend(self) -> float:
        """Seconds of all workers together that are left for folds, but for the curve's."""
        return max(0.0, self.clock.left - CURVE_SHARE * self.clock.whole) * self._workers

    def _latecomers(self) -> Iterator[list[Cell]]:
        """Those for whom there was no time at first, the cheapest first; who is no better than the last few soon leaves."""
        first = self.compared[0]
        for one in sorted((one for one in self.entrants if one.late), key=lambda one: self.seconds(one, first)):
            wanted = [self.seconds(one, number) for number in self.compared]
            if sum(wanted) > self._to_spend or max(wanted) > CELL_SHARE * self.clock.whole:
                continue
            one.reason, one.figure = "", ""
            bar = min(other.score([first]) for other in self.leaders()[:LAST])
            yield self._cells([one], [first])
            if first in one.held and one.score([first]) >= bar:
                yield self._cells([one], self.compared[1:])

    def leaders(self) -> list[Entrant]:
        """Those that were tried on all folds that count, the best first."""
        return better(self.entrants, self.compared)

    def learner(self) -> Entrant | None:
        """The best of those that learn."""
        return next((one for one in self.leaders() if one.learns), None)

    def _curve_of_leader(self) -> Iterator[list[Cell]]:
        if (leader := self.learner()) is None:
            return
        self._until = self.clock.spent + CURVE_SHARE * self.clock.whole
        self.parts = list(self._curve(leader))
        self._owners |= by_key(self.parts)
        for part in self.parts:
            yield self._cells([part], self.compared)
        self._until = self.clock.whole

    def _other_values(self) -> Iterator[list[Cell]]:
        for leader in [one for one in self.leaders() if one.learns][:LAST]:
            for one in self._variants(leader):
                self._owners |= by_key([one])
                self.entrants.append(one)
                yield self._cells([one], self.compared)
