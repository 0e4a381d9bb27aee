"""What a reader must know to read a table rightly: one plain sentence each, only where there is something to say."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pandas as pd

from bench.report.numbers import sizes
from bench.report.numbers.frame import NOT_APPLICABLE, OK
from bench.report.numbers.layout import Layout
from bench.report.numbers.ranking import Ranking
from bench.report.numbers.scores import Scores
from bench.report.numbers.section import Section, short_backbone
from bench.report.numbers.statistics import CONFIDENCE
from bench.report.text import display
from bench.report.text.conditions import conditions_notes
from bench.tuned import MOVED, TUNED, tables


def table_notes(section: Section, scores: Scores, cells: pd.DataFrame, overtaken: pd.DataFrame) -> list[str]:
    """All notes of one table. `cells` are its counting records, `overtaken` the others, which it leaves out."""
    done = cells[cells["state"] == OK]
    notes = [*_reference(scores), *ranking_notes(scores.rankings), *_backbone(section), *_averages(scores.layout)]
    notes += [*_by_class_texts(done), *_capped(done), *_factors(done), *_arrival(section, done), *conditions_notes(done)]
    return [*notes, *_overtaken(overtaken)]


def _overtaken(left_out: pd.DataFrame) -> list[str]:
    """How many records don't count, and of which tasks because their data are others."""
    if left_out.empty:
        return []
    others = left_out[left_out["other_data"]].groupby("task").size()
    which = ", ".join(f"{count} of {task}" for task, count in others.items())
    of_data = f", {which} since the newest ones of that name are of other data" if which else ""
    return [f"{len(left_out)} records left out: a later one, of edited code or of a newer version of the task, counts{of_data}."]


def _by_class_texts(done: pd.DataFrame) -> list[str]:
    """Which rows of a board are not of what was fitted."""
    labels = sorted(done.loc[done["scored_by"] == "class texts", "label"].unique())
    if not labels:
        return []
    return [f"Elsewhere by the class texts, as what they fitted belongs to its own classes: {', '.join(labels)}."]


def _reference(scores: Scores) -> list[str]:
    """Which baseline, with which templates or other parameters, and on how many tasks it exists."""
    layout, label, known = scores.layout, scores.reference, scores.gain_tasks
    if label is None:
        return ["No baseline without a support was run, so there are no gains."] if layout.largest > 0 else []
    tasks = layout.tasks_at(layout.largest)
    given = layout.baselines.loc[layout.baselines["label"] == label, "params"].iloc[0]
    parameters = ", ".join(f"{name} = {value}" for name, value in json.loads(given).items() if value is not False)
    shown = f"{label} ({parameters})" if parameters else label
    notes = [f"Gain is over {shown}, which uses no support: its figure holds at all shots."]
    if len(known) < len(tasks):
        where = f"{len(known)} of {len(tasks)} tasks"
        notes.append(f"{label} has a score on {where}; gains are means over these: {', '.join(known) or 'none'}.")
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
    if short_backbone(section.backbone) != section.backbone:
        found.append(f"The backbone in full: {section.backbone}.")
    if section.random_weights:
        found.append(
            f"The backbone {section.backbone} has random weights: these scores test the program and say nothing about methods."
        )
    if not section.aligned:
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
    excluded = sorted(layout.cells.loc[layout.cells["state"] == NOT_APPLICABLE, "label"].unique())
    if excluded:
        notes.append(
            f"Not applicable on some tasks, therefore without a mean over all of them: {', '.join(excluded)}. "
            "Their scores on the other tasks are in the table by task."
        )
    return notes


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


def _factors(done: pd.DataFrame) -> list[str]:
    """By what rates and lengths of recipes were multiplied, where the records know it and it is another than 1."""
    notes = []
    for column, what in (("rate_factor", "Rates"), ("length_factor", "Lengths of recipes")):
        said = []
        for label, cells in done.groupby("label"):
            known = cells[column].dropna()
            if not known.eq(1).all():
                ends = [display.significant(end) for end in (known.min(), known.max())]
                said.append(f"{label} {' to '.join(dict.fromkeys(ends))}")
        if said:
            notes.append(f"{what} are the published ones times: {', '.join(said)}.")
    return notes


def _arrival(section: Section, done: pd.DataFrame) -> list[str]:
    """Which of the methods are known not to have arrived under the bundled budget, on whatever its bundled tasks are."""
    table = tables().get(section.fingerprint)
    if table is None or section.quick or section.recipe != TUNED:
        return []
    notes = ["Rates and lengths were chosen on development tasks, which are in no table (docs/budgets.md)."]
    if restless := [name for name in table.restless if name in set(done["method"])]:
        moved = f"with four times the steps their mean accuracy changes by {100 * MOVED:g} points or more"
        notes.append(f"Not arrived under the step budget, that is {moved}: {', '.join(restless)}.")
    return notes
