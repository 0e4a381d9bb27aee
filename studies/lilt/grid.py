"""The cells of the study. What the store already holds isn't run again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from bench import api
from bench.executors import Placement
from bench.grid import Request
from bench.record import Record
from bench.worker import Settings

TASK = "scenes-retrieval"
BASE, SMALL = "bundled-unaligned", "bundled-unaligned-small"
PAIRS = (64, 256, 1024, 4096)
BEST_FULL = "full[lr=2e-05]"  # the common rate, stretched to 2e-3, is too high for all of a tower
FAMILY = f"lilt,{BEST_FULL},full[lr=1e-05],full[lr=5e-05]"
SOME = f"{BEST_FULL},full,lilt-ln,lilt-lwa-ln,lilt-da,lilt-partial,lit,lit[lock=both]"


@dataclass(frozen=True)
class Grid:
    """Where the records are, and how they are made."""

    out: Path
    seeds: tuple[int, ...]
    workers: int

    def run(self) -> tuple[list[Record], list[Record]]:
        """Records on the larger towers, the whole family but with the fewest pairs, and of some methods on the smaller."""
        larger = [*self._records(FAMILY, BASE, PAIRS[1:]), *self._records(SOME, BASE, PAIRS[:1])]
        return larger, self._records(SOME, SMALL, PAIRS[-1:])

    def _records(self, methods: str, backbone: str, pairs: Sequence[int]) -> list[Record]:
        request = Request(
            methods=api.resolve_methods(methods, api.find_methods()),
            tasks=(TASK,),
            shots=tuple(pairs),
            seeds=self.seeds,
            backbone=backbone,
            precision=api.resolve_precision("auto", "cpu"),
        )
        settings = Settings(self.out, self.out / "bank", command="python -m studies.lilt", save_weights=True)
        outcome = api.run(
            request, settings, placement=Placement(workers=self.workers), resume="failed", console=Console(stderr=True)
        )
        return [record for record in outcome.records if record.status == "ok"]
