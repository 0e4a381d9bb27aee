"""Which cell comes next. Every executor that hands out cells one by one asks here."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Hashable, Sequence

from bench.executors.durations import Durations
from bench.plan.grid import Cell
from bench.store.claims import Claims
from bench.store.following import Follower
from bench.store.record import Record
from bench.store.store import cell_key

Group = tuple[str, str]  # backbone, task


def group_of(cell: Cell) -> Group:
    return cell.info.backbone, cell.task_source


class Schedule:
    """The cells of a run that are still to be handed out.

    Cells of one backbone and task stay together, the longest first. With `claims` a cell is claimed before it is handed
    out; one that another run on the same store is at is put aside until that run is through with it, or dead. What the
    other run recorded meanwhile is known from `follower`, goes to `found`, and isn't run again. `ordered` cells are handed
    out as they were given.
    """

    def __init__(
        self,
        cells: Sequence[Cell],
        durations: Durations | None = None,
        claims: Claims | None = None,
        follower: Follower | None = None,
        found: Callable[[Record], None] = lambda record: None,
        ordered: bool = False,
    ) -> None:
        seconds = (durations or Durations()).seconds
        self.draining = False  # nothing more is handed out; what runs may finish
        self.stopped = False  # what runs is to end now
        self.follower = follower
        self._claims = claims
        self._found = found
        self._seconds = {cell_key(cell.info): (seconds(cell.info), cell.info.shots) for cell in cells}
        self._aside: list[Cell] = []
        self._queues: dict[Group, deque[Cell]] = {}
        self._recorded: dict[Hashable, Record] = {}
        self._ids: set[str] = set()
        self._left: dict[Group, float] = dict.fromkeys(map(group_of, cells), 0.0)  # seconds that wait in each queue
        longest_first = sorted(cells, key=lambda cell: self._seconds[cell_key(cell.info)], reverse=True)
        for cell in cells if ordered else longest_first:
            self._queues.setdefault(group_of(cell), deque()).append(cell)
            self._left[group_of(cell)] += self._time(cell)

    def __len__(self) -> int:
        """Cells that may still be handed out."""
        return 0 if self.draining else len(self._aside) + sum(map(len, self._queues.values()))

    def drain(self) -> None:
        self.draining = True

    def stop(self) -> None:
        self.draining = self.stopped = True

    def next(self, group: Group | None = None, taken: Collection[Group] = ()) -> Cell | None:
        """A cell of `group` while it has any; then of one that isn't `taken` by another worker, the longest in all.

        None where no cell can be handed out now: there is none, or another run is at all that are left.
        """
        while not self.draining and (queue := self._queue(group, taken)):
            cell = queue.popleft()
            self._left[group_of(cell)] -= self._time(cell)
            if self._is_ours(cell):
                return cell
        aside, self._aside = self._aside, []
        for number, cell in enumerate(aside):
            if not self.draining and self._is_ours(cell):
                self._aside += aside[number + 1 :]
                return cell
        return None

    def overdue(self, cell: Cell, seconds: float) -> bool:
        """Whether a cell that has run for so many seconds is to be ended now, whatever the executor allows."""
        return False

    def portions(self, count: int) -> list[list[Cell]]:
        """All cells in at least one portion per group and about `count` in all, of about the same time; hands out all."""
        total = sum(self._left.values()) or 1.0
        portions = []
        for group, queue in self._queues.items():
            share = self._left[group] / total
            parts = min(len(queue), max(1, round(count * share)))
            portions += [list(queue)[part::parts] for part in range(parts)]
            queue.clear()
        return [portion for portion in portions if portion]

    def recorded(self) -> list[Record]:
        """What was added to the store since the last call."""
        new = [] if self.follower is None else self.follower.new()
        for record in new:
            self._ids.add(record.record_id)
            key = cell_key(record.cell)
            if key in self._seconds:
                self._recorded[key] = record
        return new

    def is_stored(self, record: Record) -> bool:
        """Whether the record was read from the store, where a job had put it itself."""
        return record.record_id in self._ids

    def finish(self, record: Record) -> None:
        """The record is in the store."""
        if self._claims is not None:
            self._claims.release(cell_key(record.cell))

    def _time(self, cell: Cell) -> float:
        return self._seconds[cell_key(cell.info)][0]

    def _queue(self, group: Group | None, taken: Collection[Group]) -> deque[Cell] | None:
        if group is not None and self._queues.get(group):
            return self._queues[group]
        left = [other for other, queue in self._queues.items() if queue]
        if not left:
            return None
        return self._queues[max(left, key=lambda other: (other not in taken, self._left[other]))]

    def _is_ours(self, cell: Cell) -> bool:
        key = cell_key(cell.info)
        if self._claims is not None and not self._claims.take(key):
            self._aside.append(cell)
            return False
        self.recorded()
        if key not in self._recorded:
            return True
        record = self._recorded[key]
        self.finish(record)
        self._found(record)
        return False
