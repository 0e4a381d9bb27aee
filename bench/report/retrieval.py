"""All figures of a run of retrieval: recall both ways, what the result does on other tasks, and what it cost."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pandas as pd
from rich.table import Table as Grid
from rich.text import Text

from bench.record import Record
from bench.report import display
from bench.report.escape import markdown, plain
from bench.score import RECALL_AT, TRANSFER

WAYS = {"image_to_text": "text R@", "text_to_image": "image R@"}  # what is looked for
RECALLS = {f"{way}_recall@{k}": f"{title}{k}" for way, title in WAYS.items() for k in RECALL_AT}
PLACE = ["method", "pairs"]


def frame(records: Iterable[Record]) -> pd.DataFrame:
    """One row per cell that has a score: method, pairs, seed, metrics 0..1, share, seconds, joules, bytes; NaN: unknown."""
    rows = []
    for record in records:
        if record.status != "ok" or record.cell.kind != "retrieval" or record.data is None or record.parameters is None:
            continue
        costs = {
            "trainable": record.parameters.trainable,
            "share": record.parameters.share,
            "seconds": record.time_s.total if record.time_s else None,
            "joules": record.energy_j.total if record.energy_j else None,
            "estimated": record.energy_j is not None and record.energy_j.quality == "estimated",
            "bytes": record.memory_bytes.total if record.memory_bytes else None,
            "stored": record.parameters.stored_bytes,
        }
        place = {"method": record.cell.label, "pairs": record.data.n_support, "seed": record.cell.seed}
        rows.append(place | {"backbone": record.cell.backbone} | {n: m.value for n, m in record.metrics.items()} | costs)
    return pd.DataFrame(rows)


def figures(records: Iterable[Record]) -> list[list[str]]:
    """Header, then a line per method and number of pairs, best first: means over seeds, metrics in percent."""
    cells = frame(records)
    if cells.empty:
        return []
    others = sorted(name for name in cells if name.startswith(TRANSFER))
    costs = {"joules": "joules", "bytes": "peak MiB", "stored": "stored KiB"}
    metrics = RECALLS | {name: name.removeprefix(TRANSFER) for name in others}
    lines = [[*PLACE, "cells", *metrics.values(), "trained", "share", "seconds", *costs.values()]]
    groups = cells.groupby(PLACE, sort=False)
    means = groups.mean(numeric_only=True).assign(cells=groups.size(), estimated=groups["estimated"].all())
    for (method, pairs), row in (
        means.sort_values("mean_recall@1", ascending=False)
        .sort_index(level="pairs", sort_remaining=False, kind="stable")
        .iterrows()
    ):
        known = {name: None if pd.isna(row.get(name)) else float(row[name]) for name in (*metrics, "seconds", *costs)}
        energy = display.estimated(known["joules"]) if row["estimated"] else display.significant(known["joules"])
        stored = known["stored"]
        lines.append(
            [
                str(method),
                f"{pairs}",
                f"{row['cells']:.0f}",
                *("" if known[name] is None else f"{100 * known[name]:.1f}" for name in metrics),
                f"{row['trainable']:,.0f}",
                display.share_range((row["share"], row["share"])),
                display.significant(known["seconds"]),
                energy,
                display.mebibytes(known["bytes"]),
                display.significant(None if stored is None else stored / 2**10),
            ]
        )
    return lines


def terminal(records: Sequence[Record]) -> Grid | None:
    """The table for the terminal, if nothing but retrieval was run."""
    lines = figures(records) if all(record.cell.kind == "retrieval" for record in records) else []
    if not lines:
        return None
    title = "recall over all candidates, and zero-shot accuracy on other tasks where it was tried"
    grid = Grid(title=Text(title), title_justify="left", pad_edge=False)
    for name in lines[0]:
        grid.add_column(name, justify="left" if name == "method" else "right", no_wrap=name == "method")
    for line in lines[1:]:
        grid.add_row(*(Text(plain(cell)) for cell in line))
    return grid


def markdown_table(records: Iterable[Record]) -> str:
    """The same as a Markdown table; empty if there is nothing to show."""
    lines = [[markdown(cell) for cell in line] for line in figures(records)]
    if not lines:
        return ""
    rule = ["---", *["---:"] * (len(lines[0]) - 1)]
    return "\n".join(f"| {' | '.join(line)} |" for line in [lines[0], rule, *lines[1:]]) + "\n"
