"""What a reader must know to read a table rightly: one plain sentence each, only where there is something to say."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from bench.report.numbers import sizes
from bench.report.numbers.frame import NOT_APPLICABLE, OK
from bench.report.numbers.layout import Layout
from bench.report.numbers.ranking import Ranking
from bench.report.numbers.statistics import CONFIDENCE
from bench.report.numbers.summary import Section
from bench.report.text import display


def table_notes(section: Section, layout: Layout, cells: pd.DataFrame, overtaken: int) -> list[str]:
    """All notes of one table. `cells` are its counting records, `overtaken` how many others it leaves out."""
    done = cells[cells["state"] == OK]
    notes = [*_backbone(section), *_averages(layout), *_capped(done), *_energy(done), *_memory(done), *_data(done)]
    notes += _machines(done)
    if overtaken:
        notes.append(f"{overtaken} records left out: a later one, of edited code or of a newer version of the task, counts.")
    return notes


def ranking_notes(rankings: Mapping[int, Ranking | str]) -> list[str]:
    """What the critical-difference diagram is drawn from, or why there is none."""
    alike: dict[str, list[str]] = {}
    for shots, ranking in rankings.items():
        alike.setdefault(ranking if isinstance(ranking, str) else _ranking(ranking), []).append(str(sizes.typed(shots)))
    return [
        f"{'C' if 'ranks' in what else 'No c'}ritical-difference diagram, shots {', '.join(shots)}: {what}."
        for what, shots in alike.items()
    ]


def _ranking(ranking: Ranking) -> str:
    told = "" if ranking.friedman_p < 1 - CONFIDENCE else ": all of them may be alike, whatever single pairs seem to say"
    return (
        f"{len(ranking.ranks)} methods on {len(ranking.tasks)} tasks; mean ranks less than {ranking.critical_difference:.2f} "
        f"apart can't be told apart (Nemenyi), Friedman's p is {display.p_value(ranking.friedman_p)}{told}"
    )


def _backbone(section: Section) -> list[str]:
    found = []
    if section.random_backbone:
        found.append(
            f"The backbone {section.backbone} has random weights: these scores test the program and say nothing about methods."
        )
    if section.unaligned_backbone:
        found.append(f"The towers of {section.backbone} have never met: before training, scores are at chance.")
    return found


def _averages(layout: Layout) -> list[str]:
    alike: dict[str, list[str]] = {}
    for shots in layout.shots:
        seeds, tasks = layout.seeds_at(shots), layout.tasks_at(shots)
        listed = f"seeds {', '.join(map(str, seeds))}" if seeds else "no seed that every task has, so no means"
        where = "" if len(tasks) == len(layout.tasks) else f", {len(tasks)} of {len(layout.tasks)} tasks"
        single = "; a single seed shows no interval" if len(seeds) == 1 else ""
        alike.setdefault(f"{listed}{where}{single}", []).append(str(sizes.typed(shots)))
    notes = [f"Shots {', '.join(shots)}: means over {what}." for what, shots in alike.items()]
    several = layout.baselines.groupby(["label", "task"]).size()
    if (several > 1).any():
        notes.append("A baseline has several records per task; the mean of them is shown.")
    excluded = cells_not_applicable(layout)
    if excluded:
        notes.append(
            f"Not applicable on some tasks, therefore without a mean over all of them: {', '.join(excluded)}. "
            "Their scores on the other tasks are in the table by task."
        )
    return notes


def cells_not_applicable(layout: Layout) -> list[str]:
    """Labels that do not apply somewhere in this table."""
    cells = pd.concat([layout.adapted, layout.baselines])
    return sorted(cells.loc[cells["state"] == NOT_APPLICABLE, "label"].unique())


def _span(values: pd.Series) -> str:
    """The one value, or the lowest and highest."""
    low, high = int(values.min()), int(values.max())
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _capped(done: pd.DataFrame) -> list[str]:
    capped = done[done["capped"].fillna(False).astype(bool)]
    totals = done.groupby("label").size()
    alike: dict[str, list[str]] = {}
    for label, cells in capped.groupby("label"):
        part = "" if len(cells) == totals[label] else f" in {len(cells)} of {totals[label]} cells"
        what = f"asked {_span(cells['asked_steps'])} steps, run {_span(cells['run_steps'])}{part}"
        alike.setdefault(what, []).append(str(label))
    return [f"Capped by the step budget: {', '.join(labels)}: {what}." for what, labels in alike.items()]


def _energy(done: pd.DataFrame) -> list[str]:
    kinds = done[["energy_quality", "energy_source", "energy_scope", "energy_shared"]].fillna(
        {"energy_source": "", "energy_scope": ""}
    )
    notes = []
    for quality in ("measured", "estimated", "unavailable"):
        for (source, scope), cells in kinds[kinds["energy_quality"] == quality].groupby(["energy_source", "energy_scope"]):
            shared = "; others may have been charged to the same counter" if cells["energy_shared"].fillna(False).any() else ""
            over = f" over {scope}" if scope else ""
            notes.append(f"Energy {quality}: {source or 'source not given'}{over}, {len(cells)} cells{shared}.")
    if len(notes) > 1:
        notes.append("Joules of different sources do not compare; a method whose cells have several shows no joules.")
    return notes


def _memory(done: pd.DataFrame) -> list[str]:
    sources = done.loc[done["memory_total_bytes"].notna(), "memory_source"].fillna("source not given").value_counts().sort_index()
    notes = [f"Peak memory above the baseline at a cell's start: {source}, {count} cells." for source, count in sources.items()]
    if len(notes) > 1:
        notes.append("Peaks of different sources do not compare; a method whose cells have several shows none.")
    return notes


def _data(done: pd.DataFrame) -> list[str]:
    notes = []
    for column, what in (("test_hash", "test sets"), ("origin", "origins of the data")):
        several = done.groupby("task")[column].nunique()
        notes += [
            f"Warning: {task} was scored on {count} different {what}: its scores do not compare."
            for task, count in several.items()
            if count > 1
        ]
    adapted = done[done["shots"] > 0]
    supports = adapted.groupby(["task", "shots", "seed"])["support_hash"].nunique()
    broken = sorted({str(task) for task, *_ in supports[supports > 1].index})
    if broken:
        notes.append(f"Warning: methods saw different supports of the same seed on {', '.join(broken)}: not paired.")
    skipped = done.groupby("task")["skipped_images"].max()
    notes += [
        f"{task}: {count} images could not be read and were skipped."
        for task, count in skipped.items()
        if pd.notna(count) and count > 0
    ]
    codes = done.groupby("label")["method_code"].nunique()
    notes += [
        f"Warning: cells of {label} were made with {count} versions of its code." for label, count in codes.items() if count > 1
    ]
    return notes


def _machines(done: pd.DataFrame) -> list[str]:
    notes = []
    machines = done[["host", "device", "threads"]].dropna(subset=["device"]).drop_duplicates()
    if len(machines) > 1:
        notes.append(
            f"Made on {len(machines)} different machines, devices or thread counts: seconds, joules and memory do not compare."
        )
    elif len(machines) == 1:
        notes.append(f"Made on {machines['device'].iloc[0]}, {machines['threads'].iloc[0]} threads.")
    dirty = int(done["dirty"].fillna(False).sum())
    if dirty:
        notes.append(f"{dirty} cells were made from a working tree with uncommitted changes.")
    return notes
