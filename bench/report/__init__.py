"""From records to tables and plots. Reads records only; everything it writes can be deleted and made again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bench.errors import StoreError, UsageError
from bench.report.numbers.by_example import counted_in
from bench.report.numbers.frame import to_frame
from bench.report.numbers.section import Section
from bench.report.numbers.sorting import sort_rows
from bench.report.numbers.summary import Summary, Table
from bench.report.page import render_page
from bench.report.plots.draw import write_plots
from bench.report.summarise import summarise
from bench.report.text.exports import cells_csv, leaderboard_csv, leaderboard_json
from bench.report.text.latex import leaderboard_tex
from bench.report.text.leaderboard import leaderboard
from bench.report.text.terminal import terminal_table
from bench.store.record import Record
from bench.store.store import Store
from bench.writing import write_whole

__all__ = ["Choices", "Section", "Summary", "Table", "report", "summarise_records", "terminal_table", "write_report"]


def summarise_records(records: Iterable[Record]) -> Summary:
    """What the records say, without writing anything."""
    return summarise(to_frame(records))


@dataclass(frozen=True)
class Choices:
    """What a report may be asked for."""

    sort: str = "score"  # the column that tables are sorted by (not the plots, nor the page, which sorts by a click)
    columns: tuple[str, ...] = ()  # of the LaTeX tables, by the names that the terminal has; none: the usual ones
    plots: tuple[str, ...] = ()  # formats of the plots beside SVG: "png", "pdf"


def report(out: Path, choices: Choices = Choices()) -> Summary:
    """Make leaderboard, page, tables and plots of a results folder again from its records. Raises UsageError if it has none."""
    store = Store(out)
    if not store.records_folder.is_dir():
        raise UsageError(f"{out}: no records here: run 'python -m bench run --out {out}' first")
    return write_report(store.latest().values(), out, choices)


def write_report(records: Iterable[Record], out: Path, choices: Choices = Choices()) -> Summary:
    """Write leaderboard.md, .csv, .tex and .json, cells.csv, plots/ and index.html into `out`.

    `records`: the one that counts for each cell, `Store(out).latest().values()`. Raises StoreError if `out` can't be
    written, UsageError if there is no such column.
    """
    records = list(records)
    best_first = summarise_records(records)
    summary = sort_rows(best_first, choices.sort)
    tex = leaderboard_tex(summary, choices.columns)
    try:
        out.mkdir(parents=True, exist_ok=True)
        plots = write_plots(best_first, out / "plots", tuple(dict.fromkeys(("svg", *choices.plots))))
        paths = {section: {title: f"plots/{name}" for title, name in found.items()} for section, found in plots.items()}
        _write(out / "leaderboard.md", leaderboard(summary, paths))
        _write(out / "leaderboard.csv", leaderboard_csv(summary))
        _write(out / "leaderboard.tex", tex)
        _write(out / "leaderboard.json", leaderboard_json(summary))
        _write(out / "cells.csv", cells_csv(summary))
        drawings = {
            section: {title: (out / "plots" / name).read_text(encoding="utf-8") for title, name in found.items()}
            for section, found in plots.items()
        }
        _write(out / "index.html", render_page(best_first, records, drawings, counted_in(out)))
    except OSError as error:
        raise StoreError(f"{out}: can't write the report here ({error.strerror}): free space or choose another folder") from error
    return summary


def _write(path: Path, text: str) -> None:
    write_whole(path, text.encode("utf-8"))
