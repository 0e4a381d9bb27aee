"""The records of the study. What the store already holds isn't run again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from bench import api
from bench.executors import Placement
from bench.plan.grid import Request
from bench.plan.settings import Settings
from bench.store.record import Record
from studies.lilt.subject import GridPart, Subject


@dataclass(frozen=True)
class Runs:
    """Where the records are, and how they are made."""

    out: Path
    seeds: tuple[int, ...]
    workers: int

    def run(self, subject: Subject) -> list[Record]:
        """Those that have a score."""
        return [record for part in subject.grid for record in self._records(part, subject) if record.status == "ok"]

    def _records(self, part: GridPart, subject: Subject) -> tuple[Record, ...]:
        request = Request(
            methods=api.resolve_methods(part.methods, api.find_methods()),
            tasks=(subject.task,),
            shots=part.pairs,
            seeds=self.seeds,
            backbone=part.backbone,
            precision=api.resolve_precision("auto", "cpu"),
            recipe=subject.recipe,
            sources=subject.sources,
        )
        settings = Settings(self.out, self.out / "bank", command="python -m studies.lilt", save_weights=True)
        placement = Placement(workers=self.workers)
        return api.run(request, settings, placement=placement, resume="failed", console=Console(stderr=True)).records
