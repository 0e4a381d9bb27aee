"""How long a cell is likely to take here: by what was recorded of cells alike, else by family, backbone and steps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from statistics import median

from msgspec.structs import replace

from bench.advise.entrants import Entrant
from bench.executors.durations import Durations, usual
from bench.plan.budget import PAPER, parse_recipe
from bench.plan.grid import Cell
from bench.store.record import CellInfo, Record
from methods.contract.declared import UNTRAINED
from tasks.base import Task

BUNDLED_IMAGE_S = 0.0005  # seconds of an image through the bundled image tower where the usual seconds come from
BUNDLED_STEPS = 200  # of what trains inside an encoder under the bundled budget
STEPS_PER_SHOT = 300  # of the methods' common default
AGAIN = 2.0  # times the seconds after which a cell was stopped, that one alike is taken to need


class Forecast:
    """Seconds of cells; what is recorded makes it better."""

    def __init__(self, records: Iterable[Record], image_s: Mapping[str, float], task: Task) -> None:
        """image_s: seconds of an image through the image tower of each backbone, by its name."""
        self._records = list(records)
        self._ids = {record.record_id for record in self._records}
        self._durations: Durations | None = None
        self._image_s, self._budgeted = image_s, task.budget is not None
        self._unit = len(task.class_names) or task.shot_unit  # examples of a shot
        self._banked: set[tuple[str, int]] = set()  # backbones and counts of views whose rows are in the bank

    def take(self, record: Record, entrant: Entrant) -> None:
        if record.record_id not in self._ids:
            self._ids.add(record.record_id)
            self._records.append(record)
            self._durations = None
        if record.status == "ok":
            self._banked |= {(entrant.backbone, views) for views in (0, entrant.views)}

    def seconds(self, cell: Cell, entrant: Entrant, examples: int) -> float:
        """Of a cell that learns from and is scored on so many examples in all, the frozen work that nobody has done included."""
        if self._durations is None:
            self._durations = Durations(self._records)
        alike = self._durations.recorded(cell.info)
        own = self._by_family(cell) if alike is None else alike
        return max(own + self._bank(entrant, examples), self._stopped(cell.info, of_family=alike is None))

    def _by_family(self, cell: Cell) -> float:
        """What the family takes on the bundled backbone, times as much slower as this one is, and its recipe longer."""
        shots = max(1, -(-cell.info.shots // self._unit))
        info = replace(cell.info, shots=shots)
        if info.family in (UNTRAINED, "head"):
            return usual(info)
        terms = parse_recipe(info.recipe)
        capped = self._budgeted and terms.mode != PAPER
        steps = terms.steps or (BUNDLED_STEPS if capped else STEPS_PER_SHOT * shots)
        slower = max(self._pace(), self._image_s[info.backbone] / BUNDLED_IMAGE_S)
        return usual(info) * slower * max(1.0, steps / BUNDLED_STEPS)

    def _pace(self) -> float:
        """How many times as long as usual heads took here, whose fits are alike on all backbones: the machine's share."""
        taken = [
            (record.time_s.fit + record.time_s.predict) / usual(replace(record.cell, shots=16))
            for record in self._records
            if record.status == "ok" and record.time_s is not None and record.cell.family == "head"
        ]
        return max(1.0, median(taken)) if taken else 1.0

    def _bank(self, entrant: Entrant, examples: int) -> float:
        wanted = {0, entrant.views}
        missing = sum(max(1, views) for views in wanted if (entrant.backbone, views) not in self._banked)
        return missing * examples * self._image_s[entrant.backbone]

    def _stopped(self, info: CellInfo, of_family: bool) -> float:
        """At least that, as the same method was stopped after half of it, or with `of_family` one of its family."""
        taken = [
            _elapsed(record)
            for record in self._records
            if record.status == "timeout"
            and record.cell.fingerprint == info.fingerprint
            and record.cell.kind == info.kind
            and (record.cell.label == info.label or (of_family and record.cell.family == info.family))
        ]
        return AGAIN * max(taken, default=0.0)


def _elapsed(record: Record) -> float:
    if record.provenance is None:
        return 0.0
    begun, ended = (datetime.fromisoformat(text) for text in (record.provenance.started, record.provenance.finished))
    return max(0.0, (ended - begun).total_seconds())
