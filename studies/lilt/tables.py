"""The study's tables: pairs by methods, with recall both ways, what the result does on other tasks, and what it cost."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from bench.kinds.elsewhere import TRANSFER
from bench.kinds.retrieval import Retrieval
from bench.report.text import display
from bench.store.record import Record, all_metrics
from bench.text import markdown

COSTS = ("trained", "share", "seconds", "joules", "peak MiB", "stored KiB")


@dataclass(frozen=True)
class CellFigures:
    """A cell that has a score, with figures by name: metrics 0..1, share, seconds, joules, bytes; what is unknown is left out."""

    method: str
    pairs: int
    seed: int
    backbone: str
    estimated: bool  # whether the joules are
    figures: dict[str, float]


def cell_figures(records: Iterable[Record]) -> list[CellFigures]:
    """Of the records of retrieval."""
    found = []
    for record in records:
        if record.status != "ok" or record.cell.kind != Retrieval.name or record.data is None or record.parameters is None:
            continue
        parameters, energy = record.parameters, record.energy_j
        known = {
            **{name: metric.value for name, metric in all_metrics(record).items()},
            **{"trained": parameters.trainable, "share": parameters.share, "stored": parameters.stored_bytes / 2**10},
            "seconds": record.time_s.total if record.time_s else None,
            "joules": energy.total if energy else None,
            "bytes": record.memory_bytes.total if record.memory_bytes else None,
        }
        figures = {name: float(value) for name, value in known.items() if value is not None}
        estimated = energy is not None and energy.quality == "estimated"
        found.append(
            CellFigures(record.cell.label, record.data.n_support, record.cell.seed, record.cell.backbone, estimated, figures)
        )
    return found


def table_lines(records: Iterable[Record]) -> list[list[str]]:
    """Header, then a line per method and number of pairs, best first: means over seeds, metrics in percent."""
    found = cell_figures(records)
    others = sorted({name for cell in found for name in cell.figures if name.startswith(TRANSFER)})
    metrics = Retrieval.columns | {name: name.removeprefix(TRANSFER) for name in others}
    groups: dict[tuple[str, int], list[CellFigures]] = {}
    for cell in found:
        groups.setdefault((cell.method, cell.pairs), []).append(cell)
    lines = sorted(groups.items(), key=lambda item: (item[0][1], -(_mean(item[1], "mean_recall@1") or 0.0)))
    body = [_line(method, pairs, mine, metrics) for (method, pairs), mine in lines]
    return [["method", "pairs", "cells", *metrics.values(), *COSTS], *body] if body else []


def _line(method: str, pairs: int, mine: list[CellFigures], metrics: Iterable[str]) -> list[str]:
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


def _mean(mine: list[CellFigures], name: str) -> float | None:
    """None unless every cell knows it."""
    values = [cell.figures[name] for cell in mine if name in cell.figures]
    return float(np.mean(values)) if len(values) == len(mine) else None


def markdown_table(records: Iterable[Record]) -> str:
    """As Markdown; empty if there is nothing to show."""
    lines = [[markdown(cell) for cell in line] for line in table_lines(records)]
    if not lines:
        return ""
    rule = ["---", *["---:"] * (len(lines[0]) - 1)]
    return "\n".join(f"| {' | '.join(line)} |" for line in [lines[0], rule, *lines[1:]]) + "\n"
