"""Under what conditions records were made: counters, data, code and machines. One plain sentence each, only where there is
something to say. `done`: the cells of a table that have a score."""

from __future__ import annotations

import pandas as pd


def conditions_notes(done: pd.DataFrame) -> list[str]:
    return [*_energy(done), *_memory(done), *_data(done), *_machines(done)]


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
    for task, cells in done.groupby("task"):
        told = dict.fromkeys(note for each in cells["data_notes"].dropna() for note in each.split("\n"))
        notes += [f"{task}: {note}." for note in told]
    codes = done.groupby("label")["method_code"].nunique()
    notes += [
        f"Warning: cells of {label} were made with {count} versions of its code." for label, count in codes.items() if count > 1
    ]
    return notes


def _machines(done: pd.DataFrame) -> list[str]:
    notes = []
    known = done.dropna(subset=["device"])
    machines = known[["host", "device"]].drop_duplicates()
    threads = sorted(set(known["threads"].dropna().astype(int)))
    counts = f"{' and '.join(map(str, threads))} thread{'s' if threads != [1] else ''}" if threads else "threads not known"
    apart = ": seconds, joules and memory do not compare"
    if len(machines) > 1:
        notes.append(f"Made on {len(machines)} different machines or devices, with {counts}{apart}.")
    elif len(machines) == 1:
        several = f"{apart} between cells of different counts" if len(threads) > 1 else ""
        notes.append(f"Made on {machines['device'].iloc[0]}, with {counts}{several}.")
    dirty = int(done["dirty"].fillna(False).sum())
    if dirty:
        notes.append(f"{dirty} cells were made from a working tree with uncommitted changes.")
    return notes
