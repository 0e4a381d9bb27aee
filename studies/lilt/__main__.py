"""`python -m studies.lilt OUT`: run what is missing, then write figures.json, tables and plots into OUT."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import click
import pandas as pd

from bench.backbone import load
from bench.record import Record
from bench.report.retrieval import cells, markdown_table
from studies.lilt.clock import banking, peaks, race
from studies.lilt.grid import BASE, PAIRS, Grid
from studies.lilt.plots import draw_all
from studies.lilt.towers import aligned_towers, drift, probes

DRIFTING = ("full", "lilt-ln", "lilt-lwa-ln", "lilt-da[ln=true]", "lilt-partial[ln=true]", "lit")
PROBED = ("full", "lilt-ln", "lilt-lwa", "lilt-lwa-ln", "lilt-da", "lilt-partial", "lit", "lora", "scratch")
BANKED = ("lit", "lilt-da", "lilt-partial")
LARGE_BATCHES = ("lilt-lwa[batch=4096,chunk=128]", "lilt-lwa[batch=4096]")
RACING = ("full", "lit", "lit[lock=both]", "lilt-ln", "lilt-lwa-ln", "lilt-da", "lilt-partial")


@click.command()
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--seeds", default=1, show_default=True, help="How many seeds each cell is run with.")
@click.option("--workers", default=2, show_default=True, help="Processes of one thread each.")
def main(out: Path, seeds: int, workers: int) -> None:
    """Answer LilT's claims on the bundled towers."""
    larger, smaller = Grid(out, tuple(range(1, seeds + 1)), workers).run()
    backbone = load(BASE)
    most = {record.cell.label: record for record in larger if record.cell.shots == PAIRS[-1] and record.cell.seed == 1}
    moved = {label: drift(backbone, _weights(most[label], out)) for label in DRIFTING}
    click.echo("probes")
    read = {"before": probes(backbone.clip, backbone)}
    read |= {label: probes(aligned_towers(most[label], out), backbone) for label in PROBED}
    click.echo("equal time")
    reached = race(list(most.values()), RACING, out / "bank")
    figures: dict[str, Any] = {"drift": moved, "probes": read, "clock": [dataclasses.asdict(one) for one in reached]}
    figures["banking"] = banking(most["full"], BANKED, out / "bank")
    figures["peak bytes of a step"] = peaks(most["full"], LARGE_BATCHES, out / "bank")
    (out / "figures.json").write_text(json.dumps(figures, indent=1) + "\n")
    (out / "tables.md").write_text(_tables(larger, smaller))
    draw_all(out, _frame([*larger, *smaller]), moved, read, reached)
    click.echo(f"tables.md, figures.json and plots: {out}")


def _weights(record: Record, out: Path) -> Path:
    return out / record.artifacts["weights"]


def _frame(records: list[Record]) -> pd.DataFrame:
    """A row per cell: method, pairs, backbone and all figures."""
    return pd.DataFrame(
        [{"method": one.method, "pairs": one.pairs, "backbone": one.backbone, **one.figures} for one in cells(records)]
    )


def _tables(larger: list[Record], smaller: list[Record]) -> str:
    parts = {"The larger towers": larger, "The smaller towers": smaller}
    return "\n".join(f"## {title}\n\n{markdown_table(records)}" for title, records in parts.items())


if __name__ == "__main__":
    main()
