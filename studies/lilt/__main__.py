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
from studies.lilt.clock import REFERENCE, banking, peak, race
from studies.lilt.grid import BASE, BEST_FULL, PAIRS, Grid
from studies.lilt.plots import draw_all
from studies.lilt.towers import aligned_towers, drift, probes

DRIFTING = (BEST_FULL, "full", "lilt-ln", "lilt-lwa-ln", "lilt-da[ln=true]", "lilt-partial[ln=true]", "lit")
PROBED = (BEST_FULL, "full", "lit", "lilt-ln", "lilt-lwa-ln", "lilt-da", "lilt-partial", "lora", "scratch")
RACING = ("full", BEST_FULL, "lit", "lilt-ln", "lilt-da", "lilt-partial")
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


def measured(records: list[Record], out: Path) -> dict[str, dict[str, Any]]:
    """What the records don't tell, by part and method, of the cells with the most pairs; kept in figures.json one by one."""
    most = {record.cell.label: record for record in records if record.cell.shots == PAIRS[-1] and record.cell.seed == 1}
    before, full, bank = load(BASE), most[REFERENCE], out / "bank"
    parts: dict[str, tuple[tuple[str, ...], Callable[[str], Any]]] = {
        "drift": (DRIFTING, lambda label: drift(before.clip, aligned_towers(most[label], out))),
        "probes": (("before", *PROBED), lambda label: probes(aligned_towers(most.get(label), out), before)),
        "banking": (BANKED, lambda label: banking(full, label, bank)),
        "clock": (RACING, lambda label: [dataclasses.asdict(one) for one in race(full, label, bank)]),
        "peak bytes of a step": (LARGE_BATCHES, lambda label: peak(full, label, bank)),
    }
    path = out / "figures.json"
    figures: dict[str, dict[str, Any]] = json.loads(path.read_text()) if path.is_file() else {}
    for part, (labels, measure) in parts.items():
        for label in labels:
            if label not in figures.setdefault(part, {}):
                click.echo(f"{part}: {label}")
                figures[part][label] = measure(label)
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
