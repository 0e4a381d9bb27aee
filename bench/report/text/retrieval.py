"""All figures of a run of retrieval: recall both ways, what the result does on other tasks, and what it cost."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from rich.table import Table as Grid
from rich.text import Text

from bench.kinds.metrics import TRANSFER
from bench.kinds.retrieval import Retrieval
from bench.report.text import display
from bench.store.record import Record
from bench.text import markdown, plain

RECALLS = Retrieval.columns


@dataclass(frozen=True)
class Cell:
    """A cell that has a score, with figures by name: metrics 0..1, share, seconds, joules, bytes; what is unknown is left out."""

    method: str
    pairs: int
    seed: int
    backbone: str
    estimated: bool  # whether the joules are
    figures: dict[str, float]


def cells(records: Iterable[Record]) -> list[Cell]:
    found = []
    for record in records:
        if record.status != "ok" or record.cell.kind != "retrieval" or record.data is None or record.parameters is None:
            continue
        parameters, energy = record.parameters, record.energy_j
        known = {
            **{name: metric.value for name, metric in record.metrics.items()},
            **{"trained": parameters.trainable, "share": parameters.share, "stored": parameters.stored_bytes / 2**10},
            "seconds": record.time_s.total if record.time_s else None,
            "joules": energy.total if energy else None,
            "bytes": record.memory_bytes.total if record.memory_bytes else None,
        }
        figures = {name: float(value) for name, value in known.items() if value is not None}
        estimated = energy is not None and energy.quality == "estimated"
        found.append(Cell(record.cell.label, record.data.n_support, record.cell.seed, record.cell.backbone, estimated, figures))
    return found


def table(records: Iterable[Record]) -> list[list[str]]:
    """Header, then a line per method and number of pairs, best first: means over seeds, metrics in percent."""
    found = cells(records)
    others = sorted({name for cell in found for name in cell.figures if name.startswith(TRANSFER)})
    metrics = RECALLS | {name: name.removeprefix(TRANSFER) for name in others}
    costs = ["trained", "share", "seconds", "joules", "peak MiB", "stored KiB"]
    groups: dict[tuple[str, int], list[Cell]] = {}
    for cell in found:
        groups.setdefault((cell.method, cell.pairs), []).append(cell)
    lines = sorted(groups.items(), key=lambda item: (item[0][1], -(_mean(item[1], "mean_recall@1") or 0.0)))
    body = [_line(method, pairs, mine, metrics) for (method, pairs), mine in lines]
    return [["method", "pairs", "cells", *metrics.values(), *costs], *body] if body else []


def _line(method: str, pairs: int, mine: list[Cell], metrics: Iterable[str]) -> list[str]:
    shares = [cell.figures["share"] for cell in mine]
    joules, trained = _mean(mine, "joules"), _mean(mine, "trained")
    values = [_mean(mine, name) for name in metrics]
    return [
        method,
        str(pairs),
        str(len(mine)),
        *("" if value is None else f"{100 * value:.1f}" for value in values),
        "" if trained is None else f"{trained:,.0f}",
        display.share_range((min(shares), max(shares))),
        display.significant(_mean(mine, "seconds")),
        display.estimated(joules) if all(cell.estimated for cell in mine) else display.significant(joules),
        display.mebibytes(_mean(mine, "bytes")),
        display.significant(_mean(mine, "stored")),
    ]


def _mean(mine: list[Cell], name: str) -> float | None:
    """None unless every cell knows it."""
    values = [cell.figures[name] for cell in mine if name in cell.figures]
    return float(np.mean(values)) if len(values) == len(mine) else None


def terminal(records: Sequence[Record]) -> Grid | None:
    """The table for the terminal, if nothing but retrieval was run."""
    lines = table(records) if all(record.cell.kind == "retrieval" for record in records) else []
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
    lines = [[markdown(cell) for cell in line] for line in table(records)]
    if not lines:
        return ""
    rule = ["---", *["---:"] * (len(lines[0]) - 1)]
    return "\n".join(f"| {' | '.join(line)} |" for line in [lines[0], rule, *lines[1:]]) + "\n"
