"""`python -m studies.lilt OUT`: run what is missing, then write figures.json, tables and plots into OUT."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pandas as pd

from bench.backbone import load
from bench.record import Record
from bench.report.retrieval import cells, markdown_table
from studies.lilt.clock import banking, peaks, race
from studies.lilt.grid import BASE, GENTLE, PAIRS, Grid
from studies.lilt.plots import draw_all
from studies.lilt.towers import aligned_towers, drift, probes

DRIFTING = (GENTLE, "full", "lilt-ln", "lilt-lwa-ln", "lilt-da[ln=true]", "lilt-partial[ln=true]", "lit")
PROBED = (GENTLE, "full", "lit", "lilt-ln", "lilt-lwa-ln", "lilt-da", "lilt-partial", "lora", "scratch")
RACING = ("full", "lit", "lilt-ln", "lilt-da", "lilt-partial")
BANKED = ("lit", "lilt-da", "lilt-partial")
LARGE_BATCHES = ("lilt-lwa[batch=4096,chunk=128]", "lilt-lwa[batch=4096]")


@click.command()
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--seeds", default=1, show_default=True, help="How many seeds each cell is run with.")
@click.option("--workers", default=2, show_default=True, help="Processes of one thread each.")
def main(out: Path, seeds: int, workers: int) -> None:
    """Answer LilT's claims on the bundled towers. Parts whose figures are in OUT/figures.json aren't measured again."""
    larger, smaller = Grid(out, tuple(range(1, seeds + 1)), workers).run()
    figures = measured(larger, out)
    (out / "tables.md").write_text(_tables(larger, smaller))
    draw_all(out, _frame([*larger, *smaller]), figures)
    click.echo(f"tables.md, figures.json and plots: {out}")


def measured(records: list[Record], out: Path) -> dict[str, Any]:
    """What the records don't tell, of the cells with the most pairs; kept in figures.json, each part as soon as it is there."""
    most = {record.cell.label: record for record in records if record.cell.shots == PAIRS[-1] and record.cell.seed == 1}
    bank = out / "bank"
    parts: dict[str, Callable[[], Any]] = {
        "drift": lambda: {label: drift(load(BASE), out / most[label].artifacts["weights"]) for label in DRIFTING},
        "probes": lambda: {label: probes(aligned_towers(most.get(label), out), load(BASE)) for label in ("before", *PROBED)},
        "banking": lambda: banking(most["full"], BANKED, bank),
        "clock": lambda: [dataclasses.asdict(one) for one in race(most["full"], RACING, bank)],
        "peak bytes of a step": lambda: peaks(most["full"], LARGE_BATCHES, bank),
    }
    path = out / "figures.json"
    figures: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {}
    for name, measure in parts.items():
        if name not in figures:
            click.echo(name)
            figures[name] = measure()
            path.write_text(json.dumps(figures, indent=1) + "\n")
    return figures


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
