"""The cells of the study. What the store already holds isn't run again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from bench import api
from bench.grid import Request
from bench.record import Record
from bench.worker import Settings

TASK = "scenes-retrieval"
BASE, SMALL = "bundled-unaligned", "bundled-unaligned-small"
PAIRS = (64, 256, 1024, 4096)
FAMILY = "lilt"
OF_BOTH_SIZES = "full,scratch,lilt-ln,lilt-lwa-ln,lilt-da,lilt-partial,lit"


@dataclass(frozen=True)
class Grid:
    """Where the records are, and how they are made."""

    out: Path
    seeds: tuple[int, ...]
    workers: int

    def run(self) -> tuple[list[Record], list[Record]]:
        """Records of the whole family on the larger towers at all numbers of pairs, and of some of it on the smaller ones."""
        larger = self._records(FAMILY, BASE, PAIRS)
        return larger, self._records(OF_BOTH_SIZES, SMALL, PAIRS[-2:])

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
        outcome = api.run(request, settings, workers=self.workers, resume="failed", console=Console(stderr=True))
        return [record for record in outcome.records if record.status == "ok"]
